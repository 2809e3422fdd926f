import json
import random
from pathlib import Path

import pytest
import safetensors.torch
import torch

from darkroom.core import weights
from darkroom.core.errors import DarkroomError


def refused(path: Path, words: str) -> None:
    with pytest.raises(DarkroomError, match=words) as caught:
        weights.load(path)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)


STATE = {
    "a": torch.randn(3, 4).t(),
    "b": torch.arange(5),
    "c": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
    "d": torch.tensor(2.5, dtype=torch.bfloat16),
    "e": torch.zeros(0, 3),
    "f": torch.tensor([True, False]),
}


def test_tensors_and_header_are_read_back(tmp_path: Path):
    weights.save(tmp_path / "w.safetensors", STATE, {"recipe": "é", "sigma": [0, 55]})
    again, header = weights.load(tmp_path / "w.safetensors")
    assert header == weights.read_header(tmp_path / "w.safetensors") == {"recipe": "é", "sigma": [0, 55]}
    assert again.keys() == STATE.keys() and all(torch.equal(again[name], tensor) for name, tensor in STATE.items())
    theirs = safetensors.torch.load_file(tmp_path / "w.safetensors")  # the format is not changed
    assert all(torch.equal(theirs[name], tensor) for name, tensor in STATE.items())


def test_equal_weights_give_equal_files(tmp_path: Path):
    for name in ("one", "two"):
        weights.save(tmp_path / name, dict(STATE), {"recipe": "x", "settings": {"sigma": (0, 55), "lr": 1e-3}, "step": 3})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_another_programs_file_is_read_without_a_checksum(tmp_path: Path):
    safetensors.torch.save_file({"a": torch.ones(2)}, tmp_path / "w.safetensors", metadata={"format": "pt"})
    assert weights.load(tmp_path / "w.safetensors") == ({"a": pytest.approx([1, 1])}, {})


@pytest.mark.parametrize("content", [b"", b"broken", b"PK\x03\x04 cut off", b"\x02\0\0\0\0\0\0\0{}", b"\xff" * 20])
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes):
    (tmp_path / "w").write_bytes(content)
    if content.endswith(b"{}"):
        assert weights.load(tmp_path / "w") == ({}, {})
    else:
        refused(tmp_path / "w", "not a whole safetensors file")


def test_a_missing_a_truncated_and_a_closed_file_are_refused(tmp_path: Path):
    weights.save(tmp_path / "w.safetensors", {"a": torch.randn(100)}, {})
    content = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[:-8])
    refused(tmp_path / "cut.safetensors", "not a whole safetensors file")
    refused(tmp_path / "none.safetensors", "no weights file")
    refused(tmp_path, "no weights file")


@pytest.mark.parametrize("written", ["[1, 2]", "3", "null", '"words"', "[" * 100_000, "{", "NaN"])
def test_a_description_that_is_no_object_is_one_line(tmp_path: Path, written: str):
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file({"a": torch.ones(2)}, path, metadata={"darkroom": written})
    refused(path, "description")
    with pytest.raises(DarkroomError, match="description"):
        weights.read_header(path)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, bad: float):
    weights.save(tmp_path / "w.safetensors", {"good": torch.ones(2), "layer.bias": torch.tensor([1.0, bad])}, {})
    refused(tmp_path / "w.safetensors", r"holds weights that are not finite, in layer\.bias \(2,\)")


def test_no_changed_bit_gives_other_weights(tmp_path: Path):
    path, header = tmp_path / "w.safetensors", {"recipe": "dncnn", "settings": {"sigma": 25.0}, "step": 3}
    weights.save(path, {"layer.weight": torch.randn(4, 4), "count": torch.tensor(7)}, header)
    content, draw = path.read_bytes(), random.Random(0)
    expected = safetensors.torch.load(content)
    noticed = 0
    for bit in draw.sample(range(8 * len(content)), 300):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            tensors, read = weights.load(path)
        except DarkroomError:
            noticed += 1
        else:  # the name of the checksum's entry, or of the description
            assert header.items() <= read.items() or read == {}
            assert tensors.keys() == expected.keys() and all(torch.equal(tensors[name], x) for name, x in expected.items())
    assert noticed > 280


def test_a_header_without_a_checksum_is_read(tmp_path: Path):
    safetensors.torch.save_file(
        {"a": torch.ones(2)}, tmp_path / "w.safetensors", metadata={"darkroom": json.dumps({"step": 3})}
    )
    assert weights.load(tmp_path / "w.safetensors")[1] == {"step": 3}


def test_safetensors_are_recognised(tmp_path: Path):
    weights.save(tmp_path / "w.pth", {"a": torch.ones(2)}, {})
    torch.save({"a": torch.ones(2)}, tmp_path / "v.pth")
    (tmp_path / "empty.pth").touch()
    assert [weights.is_safetensors(tmp_path / name) for name in ("w.pth", "v.pth", "empty.pth", "x.safetensors", "none")] == [
        *(True, False, False, True, False)
    ]
