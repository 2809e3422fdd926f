from dataclasses import dataclass
from typing import Annotated

import pytest

from darkroom.cli.parse import flat, parse, with_defaults
from darkroom.core.errors import DarkroomError
from darkroom.recipes.ranges import Range


@dataclass(frozen=True)
class Data:
    """Images."""

    train_set: str = "embedded"
    """Where the images are."""
    batch_size: int = 16
    """How many."""


def recipe(sigma: float = 25.0, sets: tuple[str, ...] = ("set5",), data: Data = Data(batch_size=8), clip: float | None = None):
    """Something to train.

    Args:
        sigma: The noise
            level.
        sets: Test sets.
        data: Which images.
        clip: Largest norm.
    """


ROW = dict(sigma=50.0, sets=("set5", "set14"), train_set="bsds500", batch_size=4, clip=5.0)


def parsed(*words: str) -> dict[str, object]:
    return flat(parse(with_defaults(recipe, ROW, "Settings"), words, "train x y"))


def test_defaults_are_the_rows():
    assert parsed() == ROW


def test_nested_options_are_flat_on_the_command_line():
    words = ("--sigma", "10", "--train-set", "photos", "--sets", "--clip", "None")
    assert parsed(*words) == {**ROW, "sigma": 10.0, "train_set": "photos", "sets": (), "clip": None}


def test_help_texts_come_from_docstrings(capsys):
    with pytest.raises(SystemExit):
        parsed("--help")
    out = capsys.readouterr().out
    for words in (
        "The noise level. [at least 0] (default: 50.0)",
        "Where the images are. (default: bsds500)",
        "Largest norm. [above 0] (default: 5.0)",
    ):
        assert words in out, words


@dataclass
class Options:
    """Lists of numbers."""

    levels: Annotated[tuple[float, ...], Range(0)] = ()
    """Noise levels."""
    sigma: float | tuple[float, float] = 25.0
    """One or two."""
    name: str = ""
    """May contain a comma."""


@pytest.mark.parametrize("words", [["15,25"], ["15", "25"], ["15,", "25"]])
def test_numbers_are_separated_by_spaces_or_commas(words):
    given = parse(Options, ["--levels", *words, "--name", "a,b"], "x")
    assert (given.levels, given.name) == ((15.0, 25.0), "a,b")
    assert parse(Options, ["--sigma", *words], "x").sigma == (15.0, 25.0)
    assert parse(Options, ["--levels=15,25"], "x").levels == (15.0, 25.0)


def test_help_says_the_range_of_a_dataclass_field(capsys):
    with pytest.raises(SystemExit):
        parse(Options, ["--help"], "x")
    assert "Noise levels. [at least 0]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--sigmas", "3"], "--sigmas"),
        (["--batch-size", "many"], "^--batch-size takes a whole number, given 'many' [(]see"),
        (["--sigma", "strong"], "^--sigma takes a number, given 'strong' [(]see"),
        (["--clip", "none"], "^--clip takes a number, given 'none' [(]see"),
    ],
)
def test_mistakes_are_one_line(words, line):
    with pytest.raises(DarkroomError, match=line) as raised:
        parsed(*words)
    assert "darkroom train x y --help" in str(raised.value)
