"""Every `darkroom` command that the README, the changelog and docs quote is accepted by the command line; nothing is run."""

import functools
import importlib
import inspect
import itertools
import re
import shlex
from pathlib import Path

import pytest

from darkroom.cli import main
from darkroom.cli.parse import parse
from darkroom.core.errors import DarkroomError

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PLACEHOLDERS = {
    "RECIPE ROW": "safmn laptop",
    "RECIPE all": "basic_sr all",
    "RECIPE/ROW": "basic_sr/laptop",
    "report RECIPE": "report basic_sr",
    "images_N": "images_4",
    "--tv-weight W": "--tv-weight 0",
    "--test-sigmas …": "--test-sigmas 25",
}
"""What stands in a quoted command for one of several values, and one of them."""

COMMAND_NAMES = {"data poses", "models pack"}
"""Quoted as names of commands, without arguments."""

FIRST_ROWS = {
    "photographs": "denoise",
    "basic_sr": "baseline",
    "dvgo": "lego",
    "noise2noise": "gaussian",
    "sun_deblurring": "fista",
}


class Parsed(Exception):
    """The command line has accepted the arguments."""


def parse_only(target, arguments, command, description=None):
    """`parse`, without what comes after it."""
    stub = target if inspect.isclass(target) else functools.wraps(target)(lambda *values, **named: None)
    parse(stub, arguments, command, description)
    raise Parsed


def quoted(page: Path) -> list[str]:
    """The commands of a page: in backticks, over several lines or not, or lines of code blocks."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    found = [line.split("  #")[0] for block in blocks for line in block.splitlines()]
    found += re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    parts = [part.strip() for text in found for part in " ".join(text.split()).split(";")]
    return [part for part in parts if re.match(r"darkroom \w+ ", part) and "|" not in part]


def variants(command: str) -> list[list[str]]:
    """The words of a command, for every choice of {a,b} and with and without what is in brackets."""
    for placeholder, value in PLACEHOLDERS.items():
        command = command.replace(placeholder, value)
    command = re.sub(r"(train (\w+)) ROW", lambda found: f"{found[1]} {FIRST_ROWS.get(found[2], 'laptop')}", command)
    pieces = re.split(r"(\{[^}]*\}|\[[^\]]*\])", command)
    choices = [
        piece[1:-1].split(",") if piece.startswith("{") else ["", piece[1:-1]] if piece.startswith("[") else [piece]
        for piece in pieces
    ]
    return [shlex.split("".join(chosen))[1:] for chosen in itertools.product(*choices)]


ALL = [words for page in PAGES for command in quoted(page) for words in variants(command)]
COMMANDS = {" ".join(words): words for words in ALL if " ".join(words) not in COMMAND_NAMES}


MODULES = [
    *("app", "apply", "data", "data_make", "data_make_blur", "data_poses", "demo", "evaluate", "export", "list", "models"),
    *("report", "restore", "sample", "train", "view"),
]
"""Of the command line, that parse arguments."""


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS.keys())
def test_quoted_command_is_accepted(words: list[str], monkeypatch):
    for name in MODULES:
        monkeypatch.setattr(importlib.import_module(f"darkroom.cli.{name}"), "parse", parse_only)
    if words[1:] and words[1].endswith(".py"):
        return  # the example of CONTRIBUTING.md, which test_contributing.py runs
    with pytest.raises((Parsed, SystemExit)):  # SystemExit is that of --help
        main._dispatch(words)


def test_commands_are_found():
    assert len(COMMANDS) >= 25
    assert "train dncnn s25 --batch-size 32 --steps 3000 --schedule linear" in COMMANDS


def test_a_wrong_option_is_not_accepted(monkeypatch):
    monkeypatch.setattr("darkroom.cli.train.parse", parse_only)
    with pytest.raises(DarkroomError, match="--batch"):
        main._dispatch(["train", "dncnn", "s25", "--batch", "32"])
