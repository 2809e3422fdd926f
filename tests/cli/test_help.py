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


def test_list_is_a_table_of_tasks(darkroom, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    final = tmp_path / "runs" / "dncnn" / "s25-seed3" / "checkpoints" / "final.safetensors"
    final.parent.mkdir(parents=True)
    final.touch()
    (tmp_path / "runs" / "dncnn" / "s50").mkdir()
    code, out, _ = darkroom("list")
    assert code == 0
    (line,) = [line for line in out.splitlines() if "dncnn" in line]
    for words in ("s15, s25", "three minutes", "s25-seed3"):
        assert words in line
    assert "denoising" in out
    assert len(out.splitlines()) < 70
    assert " more" in out  # of the many rows of noise2noise


def test_list_shows_the_rows_of_a_recipe(darkroom):
    code, out, _ = darkroom("list", "dncnn")
    assert code == 0
    for words in ("laptop_photo", "29.23", "darkroom train dncnn ROW"):
        assert words in out
    assert darkroom("list", "dncn")[0] == 2


def test_the_command_line_is_short():
    for path in Path(darkroom.cli.__file__).parent.glob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{path}: {node.name}"
