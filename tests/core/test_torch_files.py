import io
import os
import pickle
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from darkroom.core import torch_files
from darkroom.core.errors import DarkroomError


def refused(path: Path, words: str) -> str:
    with pytest.raises(DarkroomError, match=words) as caught:
        torch_files.load(path)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)
    return str(caught.value)


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
    refused(path, "refused|cannot be read")
    assert not trace.exists()


def test_what_would_run_is_named(tmp_path: Path):
    torch.save({"state_dict": {"w": torch.zeros(1)}, "best": np.float64(31.2)}, tmp_path / "w.pth")
    refused(
        tmp_path / "w.pth",
        r"contains code that would run when it is read \(numpy\.\S+\), which is refused; save only its state_dict",
    )


WRAPPERS = [
    (),
    *[(name,) for name in ("params", "params_ema", "state_dict", "model_state_dict", "model", "net", "generator", "model_ema")],
    ("state_dict", "model"),
    ("checkpoint", "my_network"),
    ("model", "module", "weights"),
]


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module."])
def test_wrappers_are_removed(tmp_path: Path, wrapper: tuple[str, ...], prefix: str):
    content: dict = {f"{prefix}layer.weight": torch.ones(2)}
    for name in reversed(wrapper):
        optimizer = {"state": {0: {"exp_avg": torch.zeros(2), "step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]}
        content = {"epoch": 3, "optimizer": optimizer, name: content, "scheduler": {"last": 3}, "args": ["a"]}
    torch.save(content, tmp_path / "w.pth")
    assert {name: tensor.tolist() for name, tensor in torch_files.load(tmp_path / "w.pth").items()} == {"layer.weight": [1, 1]}


def test_averaged_weights_and_the_generator_are_taken(tmp_path: Path):
    one, two = {"w": torch.ones(1)}, {"w": torch.zeros(1)}
    for content in ({"params": two, "params_ema": one}, {"discriminator": two, "netG": one}, {"model": two, "model_ema": one}):
        torch.save(content, tmp_path / "w.pth")
        assert torch_files.load(tmp_path / "w.pth") == one


def test_several_networks_are_not_chosen_from(tmp_path: Path):
    torch.save({str(number): {"w": torch.ones(1)} for number in range(25)}, tmp_path / "ircnn.pth")
    refused(
        tmp_path / "ircnn.pth", r"holds the tensors of 25 networks \(0, 1, 2, 3, …\): save one of them as a file of its own"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [([1, 2], "holds a list"), ({"a": 1}, "no tensors"), ({"model": {"a": [torch.ones(1)]}}, "no tensors"), ({}, "no tensors")],
)
def test_other_objects_are_refused(tmp_path: Path, content: object, words: str):
    torch.save(content, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", words)


def test_dictionaries_within_themselves_end(tmp_path: Path):
    inside: dict = {"w": torch.ones(1)}
    inside["net"] = inside
    wide: dict = {"w": 1}
    for _ in range(6):
        wide = {str(number): wide for number in range(100)}
    torch.save({"model": inside}, tmp_path / "cycle.pth")
    torch.save(wide, tmp_path / "wide.pth")
    begun = time.perf_counter()
    assert list(torch_files.load(tmp_path / "cycle.pth")) == ["w"]
    refused(tmp_path / "wide.pth", "no tensors")
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("content", [b"", b"broken", b"PK\x03\x04 cut off", b"\x80\x04."])
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes):
    (tmp_path / "w").write_bytes(content)
    refused(tmp_path / "w", "damaged|cannot be read")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2, torch.complex64])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, bad: float, dtype: torch.dtype):
    tensor = torch.ones(3, 4).to(dtype)
    tensor[1, 2] = bad
    torch.save({"good": torch.ones(2), "empty": torch.ones(0), "count": torch.tensor(3), "bad": tensor}, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", r"not finite, in bad \(3, 4\)")


def test_files_of_other_programs_are_named(tmp_path: Path):
    scipy.io.savemat(tmp_path / "net.mat", {"w": np.zeros(3)})
    scipy.io.savemat(tmp_path / "four.mat", {"w": np.zeros(3)}, format="4")  # has no magic number
    (tmp_path / "net.pth").write_bytes((tmp_path / "net.mat").read_bytes())
    for name in ("net.mat", "four.mat", "net.pth"):
        refused(tmp_path / name, r"is a MATLAB file, not PyTorch weights: take the network's \.pth")
    (tmp_path / "keras.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    refused(tmp_path / "keras.h5", "is an HDF5 file")
    script = torch.jit.script(torch.nn.Linear(2, 2))
    torch.jit.save(script, tmp_path / "script.pt")
    refused(tmp_path / "script.pt", "is a TorchScript program, not weights")
    np.savez(tmp_path / "w.npz", w=np.zeros(3))
    refused(tmp_path / "w.npz", "cannot be read as PyTorch weights")


def expanded() -> torch.Tensor:
    return torch.zeros(1).expand(46_341, 46_341)  # 8.6 GB in four bytes


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (expanded(), r"of \d\.\d kB describes tensors of 8,590\.0 MB, the largest w \(46341, 46341\), which is refused"),
        (torch.empty(10**6, 10**6, device="meta"), "w, a tensor that is sparse, quantised or empty"),
        (torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "w, a tensor that is sparse, quantised or empty"),
        (torch.eye(2).to_sparse(), "w, a tensor that is sparse"),
    ],
    ids=["expanded", "meta", "quantised", "sparse"],
)
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_tensors_larger_than_their_file_are_refused(tmp_path: Path, tensor: torch.Tensor, words: str, zipped: bool):
    torch.save({"w": tensor}, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    refused(tmp_path / "w.pth", words)


def test_shared_storage_is_no_expansion(tmp_path: Path):
    both = torch.randn(100_000)
    torch.save(
        {"a": both[:50_000], "b": both[50_000:], "c": both.view(100, 1000).t(), "d": torch.ones(1).expand(100)},
        tmp_path / "w.pth",
    )
    assert len(torch_files.load(tmp_path / "w.pth")) == 4


def rewritten(path: Path, compression: int, change=lambda name, content: content) -> None:
    """The same archive, its members compressed and changed."""
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(path, "w", compression) as after:
        for name in before.namelist():
            after.writestr(name, change(name, before.read(name)))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path):
    path = tmp_path / "bomb.pth"
    torch.save({"w": torch.ones(100)}, path)
    rewritten(path, zipfile.ZIP_DEFLATED, lambda name, content: bytes(400_000_000) if name.endswith("/data/0") else content)
    assert path.stat().st_size < 1_000_000
    begun = time.perf_counter()
    refused(path, r"of [\d.,]+ [kM]B would unpack to 400\.0 MB, which is refused")
    assert time.perf_counter() - begun < 2


def test_a_zip_that_declares_less_than_it_unpacks_to_is_refused(tmp_path: Path):
    path = tmp_path / "liar.pth"
    torch.save({"w": torch.zeros(10_000_000)}, path)
    rewritten(path, zipfile.ZIP_DEFLATED)
    content = path.read_bytes()
    path.write_bytes(content.replace((40_000_000).to_bytes(4, "little"), (4).to_bytes(4, "little")))
    refused(path, "damaged")


def test_a_compressed_file_is_read(tmp_path: Path):
    state = {"w": torch.randn(1000)}
    torch.save(state, tmp_path / "w.pth")
    rewritten(tmp_path / "w.pth", zipfile.ZIP_DEFLATED)
    assert torch.equal(torch_files.load(tmp_path / "w.pth")["w"], state["w"])


def test_a_changed_byte_of_a_tensor_is_noticed(tmp_path: Path):
    path = tmp_path / "w.pth"
    torch.save({"w": torch.randn(1000)}, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(path, r"is damaged: the checksum of \w+/data/0 is wrong")
