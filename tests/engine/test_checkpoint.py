import os
import random
import zipfile
from pathlib import Path

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.engine import checkpoint

STATE = {
    "step": 3,
    "best": None,
    "method": {"w": torch.randn(3), "scale": torch.tensor(2.0, dtype=torch.bfloat16)},
    "optimizers": {"p": {"state": {0: {"m": torch.ones(2)}}, "param_groups": [{"lr": 1e-3}]}},
}


def equal(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return type(one) is type(other) and one == other


def test_a_checkpoint_comes_back(tmp_path: Path):
    checkpoint.save(tmp_path / "last.ckpt", STATE)
    assert equal(checkpoint.load(tmp_path / "last.ckpt"), STATE)
    assert equal(torch.load(tmp_path / "last.ckpt", weights_only=True), STATE)  # a plain PyTorch file
    assert os.listdir(tmp_path) == ["last.ckpt"]
    with pytest.raises(FileNotFoundError):
        checkpoint.load(tmp_path / "none.ckpt")


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.9, -1])
def test_a_cut_off_checkpoint_is_one_line(tmp_path: Path, keep: float):
    path = tmp_path / "last.ckpt"
    checkpoint.save(path, {"w": torch.randn(100)})
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(DarkroomError, match=r"damaged.*--fresh"):
        checkpoint.load(path)


def test_no_changed_bit_gives_another_state(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    checkpoint.save(path, STATE)
    content, draw = path.read_bytes(), random.Random(0)
    with zipfile.ZipFile(path) as archive:
        parts = [(member.header_offset, member.file_size) for member in archive.infolist()]
    payload = sum(size for _, size in parts)
    noticed = 0
    for bit in draw.sample(range(8 * len(content)), 400):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            assert equal(checkpoint.load(path), STATE)  # a bit of padding, or of a date
        except DarkroomError:
            noticed += 1
    assert noticed > 400 * payload / len(content) / 2


def test_every_changed_bit_of_a_tensor_is_noticed(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    numbers = torch.randn(1000)
    checkpoint.save(path, {"w": numbers})
    content = path.read_bytes()
    begin = content.index(numbers.numpy().tobytes())
    for bit in random.Random(0).sample(range(8 * 4000), 60):
        changed = bytearray(content)
        changed[begin + bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(DarkroomError, match="damaged"):
            checkpoint.load(path)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path):
    checkpoint.save(tmp_path / "last.ckpt", STATE)
    with pytest.raises(Exception, match="pickle|Pickl"):
        checkpoint.save(tmp_path / "last.ckpt", {"step": lambda: None})
    assert equal(checkpoint.load(tmp_path / "last.ckpt"), STATE)
