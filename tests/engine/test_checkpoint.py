import os
from pathlib import Path

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.engine import checkpoint


def test_a_checkpoint_comes_back(tmp_path: Path):
    state = {
        "step": 3,
        "best": None,
        "method": {"w": torch.randn(3)},
        "optimizers": {"p": {"state": {0: {"m": torch.ones(2)}}}},
    }
    checkpoint.save(tmp_path / "last.ckpt", state)
    again = checkpoint.load(tmp_path / "last.ckpt")
    assert again["step"] == 3 and torch.equal(again["method"]["w"], state["method"]["w"])
    assert os.listdir(tmp_path) == ["last.ckpt"]


def test_a_damaged_checkpoint_is_one_line(tmp_path: Path):
    checkpoint.save(tmp_path / "last.ckpt", {"w": torch.randn(100)})
    content = (tmp_path / "last.ckpt").read_bytes()
    (tmp_path / "last.ckpt").write_bytes(content[: len(content) // 2])
    with pytest.raises(DarkroomError, match=r"damaged.*--fresh"):
        checkpoint.load(tmp_path / "last.ckpt")
