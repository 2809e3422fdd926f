from typing import Any, Literal

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.recipes.setting_types import check_type
from darkroom.workflows.options import RunOptions
from darkroom.workflows.train import train

SIGMA = float | tuple[float, float]


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (1, int), (1, float), (1.5, float), (True, bool), ("x", str), (None, int | None), (3, int | None), ("a", Literal["a", "b"]),
        ((), tuple[float, ...]), ((1, 2.0), tuple[float, ...]), ([1.0], tuple[float, ...]), (25, SIGMA), ((0, 55.0), SIGMA),
        (object(), Any), ([1, 2], list), (["a"], tuple[str, ...]),
    ],
)  # fmt: skip
def test_a_value_of_the_type_is_accepted(value: object, hint: Any):
    check_type("x", value, hint)


@pytest.mark.parametrize(
    ("value", "hint", "words"),
    [
        (2.5, int, "must be an integer"), (True, int, "must be an integer"), ("7", int, "must be an integer"),
        (True, float, "must be a number"), (None, float, "must be a number"), (1, bool, "must be true or false"),
        (3, str, "must be a word"), ("x", int | None, "must be an integer or none"), ("c", Literal["a", "b"], "must be one of a, b"),
        (5, tuple[float, ...], "must be several, each a number"), ((1.0, "x"), tuple[float, ...], "must be several, each a number"),
        ((1.0,), SIGMA, r"must be a number or 2 values \(a number, a number\)"), ("x" * 999, int, "^--x x{80}: must be"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_one_line(value: object, hint: Any, words: str):
    with pytest.raises(DarkroomError, match=words):
        check_type("x", value, hint)


def test_a_setting_or_an_option_of_another_type_is_refused(tmp_path):
    with pytest.raises(DarkroomError, match=r"--steps 2.5: must be an integer"):
        train("dncnn", "laptop", options=RunOptions(out=tmp_path / "runs"), steps=2.5)
    with pytest.raises(DarkroomError, match=r"--steps 10+: must be at least 1 and no larger than"):
        train("dncnn", "laptop", options=RunOptions(out=tmp_path / "runs"), steps=10**400)
    assert not (tmp_path / "runs").exists()
