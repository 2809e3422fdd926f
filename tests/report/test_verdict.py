import dataclasses
import math

import pytest

from darkroom.report.verdict import Verdict, compare
from tests.report.runs import PSNR, SSIM


def verdict(value: float, **arguments) -> Verdict:
    return compare(value, 29.23, PSNR, **arguments)


@pytest.mark.parametrize(
    ("value", "kind"), [(29.23, "reproduced"), (29.14, "reproduced"), (29.12, "short"), (35.0, "reproduced")]
)
def test_the_tolerance_is_absolute(value: float, kind: str):
    assert verdict(value).kind == kind


@pytest.mark.parametrize(
    ("value", "higher", "kind"),
    [(0.971, True, "reproduced"), (0.96, True, "short"), (1.02, False, "reproduced"), (1.04, False, "short")],
)
def test_or_relative_in_either_direction(value: float, higher: bool, kind: str):
    metric = dataclasses.replace(SSIM, higher_is_better=higher)
    assert compare(value, 1.0, metric).kind == kind


def test_the_larger_tolerance_counts_and_is_named():
    fid = dataclasses.replace(SSIM, higher_is_better=False, digits=1, tolerance=0.5, relative_tolerance=0.1)
    assert compare(3.4, 3.0, fid).words == "reproduced within 0.5"
    assert compare(3.6, 3.0, fid).words == "short by 0.6"
    assert compare(32.9, 30.0, fid).words == "reproduced within 10%"
    assert compare(33.1, 30.0, fid).words == "short by 3.1"


def test_words_have_the_metrics_digits_and_the_changed_settings():
    assert verdict(28.0).words == "short by 1.23 dB"
    assert verdict(28.0, changed="steps=10").words == "short by 1.23 dB (with steps=10)"
    assert verdict(29.3, changed="steps=10").words == "reproduced within 0.1 dB (with steps=10)"
    assert verdict(29.0).difference == pytest.approx(-0.23)


def test_an_obstacle_makes_any_number_not_comparable():
    found = verdict(35.0, changed="quantised=True", obstacles=["quantised=True changes the protocol", "another reason"])
    assert found.kind == "not comparable"
    assert found.words == "not comparable: quantised=True changes the protocol; another reason"
    assert found.difference == pytest.approx(5.77)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_an_infinite_value_is_not_comparable(value: float):
    found = verdict(value, changed="steps=10")
    assert (found.kind, found.words) == ("not comparable", f"not comparable: the measured value is {value}")
