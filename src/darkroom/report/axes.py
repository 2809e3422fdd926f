"""Axes of plots: their range, ticks and words."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Number = float | int

SPACE = 0.05
"""Between the outermost values and the ends of an axis, as a share of their distance."""

_FEW = 7  # ticks
_LONG = 1e3  # a logarithmic axis over more than this has ticks at powers of ten only


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`.

    Args:
        low, high: its ends.
        ticks: where there are ticks, between the ends.
        logarithmic: whether equal distances are equal ratios.
        inverted: whether `high` is at its beginning.

    Example:
        >>> linear([0, 30]).ticks, logarithmic([1, 40]).ticks
        ([0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0], [1.0, 2.0, 5.0, 10.0, 20.0])
    """

    low: Number
    high: Number
    ticks: Sequence[Number]
    logarithmic: bool = False
    inverted: bool = False

    def place(self, value: Number) -> float:
        """Where a value is, from 0 to 1."""
        scale: Callable[[Number], float] = math.log if self.logarithmic else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return 1 - share if self.inverted else share

    def words(self) -> list[str]:
        """What stands at each tick: plain numbers, with equally many decimals on a linear axis."""
        if self.logarithmic or len(self.ticks) < 2 or max(map(abs, self.ticks)) >= 1e6:
            return [f"{tick:g}" for tick in self.ticks]
        step = abs(self.ticks[1] - self.ticks[0])
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return [f"{tick:.{decimals}f}" for tick in self.ticks] if decimals < 6 else [f"{tick:g}" for tick in self.ticks]


def linear(values: Iterable[Number], *, space: float = SPACE, whole: bool = False, inverted: bool = False) -> Axis:
    """An axis with ticks at multiples of 1, 2 or 5 times a power of ten.

    Args:
        values: that it shows; there may be none.
        space: around them.
        whole: ticks at whole numbers only.
        inverted: see `Axis`.
    """
    low, high = _ends(list(values))
    low, high = low - space * (high - low), high + space * (high - low)
    step = _round((high - low) / _FEW)
    step = max(1.0, step) if whole else step
    ticks = [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return Axis(low, high, [float(f"{tick:.12g}") for tick in ticks], inverted=inverted)


def logarithmic(values: Iterable[Number], *, ticks: Sequence[Number] = ()) -> Axis:
    """A logarithmic axis with ticks at powers of ten, and at 2 and 5 times these where they are few, or at given ones.

    Args:
        values: that it shows; positive, at least one.
        ticks: the given ones, between them.
    """
    given = list(values)
    margin = (max(given) / min(given)) ** SPACE if max(given) > min(given) else 2.0
    low, high = min(given) / margin, max(given) * margin
    powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    every = 1 + len(powers) // (_FEW + 1)
    factors = (1.0, 2.0, 5.0) if high / low < _LONG else (1.0,)
    found = [factor * 10.0**power for power in powers if power % every == 0 for factor in factors]
    shown = [float(tick) for tick in ticks] or [tick for tick in found if low <= tick <= high]
    return Axis(low, high, shown if ticks or len(shown) > 1 else linear([low, high], space=0.0).ticks, logarithmic=True)


def _ends(values: Sequence[Number]) -> tuple[float, float]:
    """The smallest and the largest value, a little apart."""
    if not values:
        return 0.0, 1.0
    low, high = float(min(values)), float(max(values))
    apart = max(abs(low), abs(high)) * 1e-9
    return (low, high) if high - low > apart else (low - (abs(low) * SPACE or SPACE), high + (abs(high) * SPACE or SPACE))


def _round(step: float) -> float:
    """The next number that is 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= step * (1 - 1e-9))
