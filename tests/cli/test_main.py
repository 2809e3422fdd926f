"""What ends in one line although it is raised anywhere, and what keeps its traceback."""

import io
import sys
from pathlib import Path

import pytest

from darkroom.cli import main
from tests.cli.conftest import run


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "not enough memory: "),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried\nmore"),
            "not enough memory: [enforce",
        ),
        (RuntimeError("Storage size calculation overflowed with sizes=[4, 8]"), "not enough memory: Storage"),
        (PermissionError(13, "Permission denied", "runs"), "runs: Permission denied"),
        (OSError(36, "File name too long", b"caf\xe9"), "caf\\xe9: File name too long"),
        (OSError(28, "No space left on device"), "the disk is full: "),
        (KeyboardInterrupt(), "stopped"),
    ],
)
def test_a_circumstance_is_one_line(error: BaseException, line: str, monkeypatch, capsys):
    def fail(arguments: list[str]) -> None:
        raise error

    monkeypatch.setattr(main, "_dispatch", fail)
    code, said = run("list"), capsys.readouterr().err
    assert code == (130 if isinstance(error, KeyboardInterrupt) else 2)
    assert said.startswith(f"darkroom: {line}") and len(said.splitlines()) == 1
    with pytest.raises(type(error)):
        run("list", "--debug")


@pytest.mark.parametrize(
    "error", [RuntimeError("x"), ValueError("out of memory"), OSError(5, "Input/output error"), KeyError("x")]
)
def test_a_defect_keeps_its_traceback(error: Exception, monkeypatch):
    def fail(arguments: list[str]) -> None:
        raise error

    monkeypatch.setattr(main, "_dispatch", fail)
    with pytest.raises(type(error)):
        run("list")


def test_what_a_terminal_cannot_show_is_written_as_numbers(tmp_path: Path, monkeypatch):
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", written)
    assert run("evaluate", "caf\udce9 ×2.pth") == 2
    written.flush()
    assert written.buffer.getvalue().startswith(b"darkroom: no weights at caf\\udce9 \\xd72.pth or runs/caf")


def test_brackets_in_names_are_not_markup(darkroom, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    final = tmp_path / "runs" / "dncnn" / "s25[bold]" / "checkpoints" / "final.safetensors"
    final.parent.mkdir(parents=True)
    final.touch()
    code, out, _ = darkroom("list")
    assert code == 0 and "s25[bold]" in out
