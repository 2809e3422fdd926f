import os
import pickle
from pathlib import Path

import pytest
import torch

from darkroom.core import weights
from darkroom.core.errors import DarkroomError


def test_tensors_and_config_are_read_back(tmp_path: Path):
    state = {
        "a": torch.randn(3, 4).t(),
        "b": torch.arange(5),
        "c": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
    }
    weights.save(tmp_path / "w.safetensors", state, {"recipe": "x", "sigma": [0, 55]})
    again, config = weights.load(tmp_path / "w.safetensors")
    assert config == {"recipe": "x", "sigma": [0, 55]}
    assert all(torch.equal(again[name], tensor) for name, tensor in state.items())


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("written_by", ["torch", "pickle"])
def test_reading_a_pickle_executes_nothing(tmp_path: Path, written_by: str):
    path, trace = tmp_path / "evil.pth", tmp_path / "executed"
    content = {"state_dict": {"w": torch.zeros(1), "bomb": Bomb(trace)}}
    if written_by == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(DarkroomError, match="refused|cannot be read"):
        weights.load_pickled(path)
    assert not trace.exists()


@pytest.mark.parametrize("wrapper", [None, "state_dict", "params", "params_ema", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_wrappers_are_removed(tmp_path: Path, wrapper: str | None, prefix: str):
    state = {f"{prefix}layer.weight": torch.ones(2)}
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, tmp_path / "w.pth")
    assert list(weights.load_pickled(tmp_path / "w.pth")) == ["layer.weight"]


@pytest.mark.parametrize("content", [b"", b"broken", b"PK\x03\x04 cut off"])
@pytest.mark.parametrize("read", [weights.load, weights.load_pickled])
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes, read):
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(DarkroomError) as caught:
        read(tmp_path / "w")
    assert str(tmp_path / "w") in str(caught.value) and "\n" not in str(caught.value)


def test_a_truncated_file_and_other_objects_are_refused(tmp_path: Path):
    weights.save(tmp_path / "w.safetensors", {"a": torch.randn(100)}, {})
    content = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[:-8])
    with pytest.raises(DarkroomError, match="not a whole safetensors file"):
        weights.load(tmp_path / "cut.safetensors")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(DarkroomError, match="holds a list"):
        weights.load_pickled(tmp_path / "list.pth")
    torch.save({"a": 1}, tmp_path / "numbers.pth")
    with pytest.raises(DarkroomError, match="no tensors"):
        weights.load_pickled(tmp_path / "numbers.pth")
