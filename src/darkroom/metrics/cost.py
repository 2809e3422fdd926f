"""Metrics of cost: time, multiply-adds, parameters. Their accumulators take the measured numbers themselves."""

import statistics
from dataclasses import dataclass
from typing import Any

import torch

from darkroom.core.averages import deviation
from darkroom.core.errors import DarkroomError
from darkroom.core.metric import Accumulator, Metric, Score


@dataclass(frozen=True)
class Cost(Metric):
    """A number that is measured rather than computed from images: the median of several measurements, and their deviation.

    Example:
        >>> state = milliseconds.accumulator(torch.device("cpu"))
        >>> for seconds in (0.5, 0.25, 0.75):
        ...     state.update(1000 * seconds, None)
        >>> state.compute().value
        500.0
    """

    def accumulator(self, device: torch.device) -> Accumulator:
        return _Median(self.title)


class _Median:
    """The numbers so far."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.values: list[float] = []

    def update(self, prediction: Any, target: Any) -> None:
        self.values.append(float(prediction))

    def compute(self) -> Score:
        if not self.values:
            raise DarkroomError(f"{self.title}: nothing was measured")
        return Score(statistics.median(self.values), deviation(self.values) if len(self.values) > 1 else None, 1)


milliseconds = Cost(
    "milliseconds",
    "time",
    "ms",
    "median time of one prediction, after predictions that are not counted, synchronised with the device.",
    higher_is_better=False,
    digits=1,
    relative_tolerance=0.2,
    quality="time",
)
"""Time; the report has a column for each device."""

giga_multiply_adds = Cost(
    "giga_multiply_adds",
    "multiply-adds",
    "G",
    "multiply-adds of convolutions, matrix products and attention for one prediction, in units of 10⁹.",
    higher_is_better=False,
    digits=2,
    quality="other",
)
"""Multiply-adds, which many papers call FLOPs."""

million_parameters = Cost(
    "million_parameters",
    "parameters",
    "M",
    "parameters of the network that predicts, in units of 10⁶.",
    higher_is_better=False,
    digits=2,
    quality="other",
)
"""Parameters of the network that predicts."""
