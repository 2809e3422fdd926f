import pytest

from darkroom.report.collect import Cell, Protocol
from darkroom.report.verdict import evaluation

BREAKING = frozenset({"quantised"})


def verdict(value: float, published: float = 29.23, *, unit: str = "dB", higher: bool = True, **changed):
    protocol = Protocol("X", unit, "a made-up metric", higher)
    return evaluation(Cell(value, None, 68, 1.0, "x"), published, protocol=protocol, changed=changed, breaking=BREAKING)


@pytest.mark.parametrize(
    ("value", "kind"), [(29.23, "reproduced"), (29.14, "reproduced"), (29.12, "short"), (35.0, "reproduced")]
)
def test_decibels_have_a_tenth_of_tolerance(value: float, kind: str):
    assert verdict(value).kind == kind


@pytest.mark.parametrize(
    ("value", "higher", "kind"),
    [(0.971, True, "reproduced"), (0.96, True, "short"), (1.02, False, "reproduced"), (1.04, False, "short")],
)
def test_other_numbers_have_three_percent(value: float, higher: bool, kind: str):
    assert verdict(value, 1.0, unit="", higher=higher).kind == kind


def test_words_say_how_short_and_what_was_changed():
    assert verdict(28.0).words == "short by 1.23 dB"
    assert verdict(28.0, steps=10).words == "short by 1.23 dB (with steps=10)"
    assert verdict(29.3, steps=10).words == "reproduced within 0.1 dB (with steps=10)"
    assert verdict(29.0).difference == pytest.approx(-0.23)


def test_another_protocol_is_not_comparable_however_good():
    found = verdict(35.0, quantised=True)
    assert found.kind == "not comparable"
    assert "quantised=True" in found.words
