import ast
from pathlib import Path

import pytest

import darkroom.cli


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["train", "--help"],
        ["train", "dncnn", "laptop", "--help"],
        ["apply", "--help"],
        ["evaluate", "--help"],
        ["view", "--help"],
        ["report", "--help"],
        ["demo", "--help"],
        ["data", "--help"],
        ["data", "get", "--help"],
        ["data", "poses", "--help"],
        ["data", "make", "--help"],
        ["data", "make", "noisy-pairs", "--help"],
        ["data", "make", "scene", "--help"],
        ["list", "--help"],
    ],
)
def test_help_has_an_example(darkroom, words):
    code, out, _ = darkroom(*words)
    assert code == 0
    assert "darkroom " + " ".join(word for word in words if word != "--help") in out
    assert "xample" in out or "darkroom train dncnn laptop" in out


def test_help_of_a_row_shows_the_rows_own_defaults(darkroom):
    _, out, _ = darkroom("train", "dncnn", "s50", "--help")
    for words in ("--sigma", "50.0", "oise level in training", "--train-set", "--lr", "--save-every", "--threads"):
        assert words in out, words


def test_list_shows_rows_and_published_numbers(darkroom):
    code, out, _ = darkroom("list")
    assert code == 0
    assert "laptop" in out
    assert "29.23" in out
    assert "bsds500" in out


def test_the_command_line_is_short():
    for path in Path(darkroom.cli.__file__).parent.glob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{path}: {node.name}"
