"""The command line in this process, checkpoints, and one run that several tests use."""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from darkroom.cli.main import main
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.rrdbnet import RRDBNet
from tests.tiny import SETTINGS, flags, write_photos


def run(*words: object) -> int:
    """Run the command line; the exit code."""
    before, sys.argv = sys.argv, ["darkroom", *map(str, words)]
    try:
        main()
        return 0
    except SystemExit as stopped:
        return int(stopped.code or 0)
    finally:
        sys.argv = before


@pytest.fixture
def darkroom(capsys):
    """Run the command line: `(exit code, stdout, stderr)`."""

    def call(*words: object) -> tuple[int, str, str]:
        return run(*words), *capsys.readouterr()

    return call


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A DnCNN as a public port saves it."""
    network = DnCNN(3, 4, 3, batch_norm=False)
    with torch.no_grad():
        network.layers[-1].weight.mul_(0.01)  # the output is nearly the input, hence an image
    torch.save(
        {f"model.{name.removeprefix('layers.')}": tensor for name, tensor in network.state_dict().items()},
        tmp_path / "dncnn.pth",
    )
    return tmp_path / "dncnn.pth"


@pytest.fixture
def foreign_x2(tmp_path: Path) -> Path:
    """An RRDB network for twofold upscaling."""
    torch.save(RRDBNet(2, 1).state_dict(), tmp_path / "x2.pth")
    return tmp_path / "x2.pth"


@dataclass(frozen=True)
class Trained:
    """`darkroom train dncnn laptop`, small.

    Args:
        words: the command.
        folder: of the run.
        photos: that it was trained and evaluated on.
        code, out, error: of the command.
    """

    words: list[str]
    folder: Path
    photos: Path
    code: int
    out: str
    error: str


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Trained:
    root = tmp_path_factory.mktemp("cli")
    photos = write_photos(root / "photos")
    words = ["train", "dncnn", "laptop", "--out", str(root / "runs"), "--accelerator", "cpu"]
    words += flags(**SETTINGS, train_set=str(photos), test_set=str(photos))
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
        code = run(*words)
    return Trained(words, root / "runs" / "dncnn" / "laptop", photos, code, out.getvalue(), error.getvalue())
