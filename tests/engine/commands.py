"""Whole runs through the command line, for the tests of runs."""

import subprocess
import sys
import time
from pathlib import Path

from darkroom.engine import checkpoint

TINY = ["--width", "6", "--depth", "3", "--patch-size", "12", "--batch-size", "4", "--precision", "32", "--accelerator", "cpu"]


def command(out: Path, photos: Path, steps: int, *more: str) -> list[str]:
    words = ["train", "dncnn", "laptop", "--out", str(out), "--train-set", str(photos), "--test-set", str(photos)]
    return [sys.executable, "-m", "darkroom", *words, "--steps", str(steps), *TINY, *more]


def run(*arguments: str, check: bool = True, **more) -> subprocess.CompletedProcess:
    return subprocess.run(arguments, capture_output=True, text=True, check=check, timeout=240, **more)


def final(out: Path) -> Path:
    return out / "dncnn" / "laptop" / "checkpoints" / "final.safetensors"


def wait_for(process: subprocess.Popen, *paths: Path) -> None:
    """Until one of the paths is there with something in it; the process must not end before."""
    while not any(path.exists() and path.stat().st_size for path in paths):
        assert process.poll() is None, "it ended too early"
        time.sleep(0.005)


def last_step(out: Path) -> int:
    return checkpoint.load(out / "dncnn" / "laptop" / "checkpoints" / "last.ckpt")["step"]
