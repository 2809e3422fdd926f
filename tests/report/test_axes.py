import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.report.axes import linear, logarithmic

NUMBERS = st.lists(st.floats(-1e12, 1e12).map(lambda x: round(x, 6)), max_size=9)


@given(values=NUMBERS, inverted=st.booleans())
def test_a_linear_axis_shows_every_value_and_has_even_ticks(values: list[float], inverted: bool):
    axis = linear(values, inverted=inverted)
    assert all(0 <= axis.place(value) <= 1 for value in [*values, *axis.ticks])
    assert 2 <= len(axis.ticks) <= 9
    steps = [after - before for before, after in zip(axis.ticks, axis.ticks[1:], strict=False)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-6)
    places = [axis.place(tick) for tick in axis.ticks]
    assert places == sorted(places, reverse=inverted)


@given(low=st.floats(1e-12, 1e12), ratio=st.floats(1, 1e9))
def test_a_logarithmic_axis_shows_every_value_by_its_ratio(low: float, ratio: float):
    axis = logarithmic([low, low * ratio])
    assert all(0 <= axis.place(value) <= 1 for value in [low, low * ratio, *axis.ticks])
    assert 1 <= len(axis.ticks) <= 12
    middle = axis.place(low * math.sqrt(ratio))
    assert middle == pytest.approx((axis.place(low) + axis.place(low * ratio)) / 2)


@given(low=st.floats(-1e5, 1e5), span=st.floats(1e-3, 1e5))
def test_words_say_the_ticks(low: float, span: float):
    axis = linear([low, low + span])
    assert [float(word) for word in axis.words()] == pytest.approx(list(axis.ticks), abs=1e-9)


def test_whole_numbers_have_whole_ticks():
    assert linear([0, 2], whole=True).ticks == [0.0, 1.0, 2.0] and 0.5 in linear([0, 2]).ticks
