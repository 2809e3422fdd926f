"""The contract of metrics: update with batches, compute a score at the end."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch

from darkroom.core.record import MetricRecord


@dataclass(frozen=True)
class Score:
    """The result of a metric on a test set.

    Args:
        value: the mean over the examples, or the value for the whole set.
        deviation: standard deviation over the examples; None where there is one value for the whole set.
        count: number of examples.
        values: of each example, in the set's order; empty where there is one value for the whole set.
    """

    value: float
    deviation: float | None
    count: int
    values: Sequence[float] = ()


@runtime_checkable
class Accumulator(Protocol):
    """The state of a metric while a test set passes by, batch by batch."""

    def update(self, prediction: Any, target: Any) -> None:
        """Take in a batch."""

    def compute(self) -> Score:
        """The score of all batches so far."""


@dataclass(frozen=True)
class Metric(ABC):
    """A named protocol.

    Args:
        name: how files call it; two protocols never share a name.
        title: how tables call it.
        unit: for example "dB"; "" for a plain number.
        definition: one sentence for the report: range, rounding, channels, border.
        higher_is_better: the direction.
        digits: decimals in tables.
        tolerance: a result may fall short of a published one by this much and counts as reproduced, in units of the metric.
        relative_tolerance: the same as a share of the published number; the larger of the two counts.
        quality: whether it measures fidelity to the ground truth, perceptual quality, or something else.
    """

    name: str
    title: str
    unit: str
    definition: str
    higher_is_better: bool = True
    digits: int = 4
    tolerance: float = 0.0
    relative_tolerance: float = 0.03
    quality: Literal["fidelity", "perception", "other"] = "fidelity"

    @abstractmethod
    def accumulator(self, device: torch.device) -> Accumulator:
        """A fresh state, on the device of the predictions."""

    def missing(self) -> str:
        """What the metric requires and is not there, in words; empty if nothing is missing."""
        return ""

    def describe(self) -> MetricRecord:
        """What a run records of the metric."""
        return MetricRecord(
            self.title,
            self.unit,
            self.definition,
            self.higher_is_better,
            self.digits,
            self.tolerance,
            self.relative_tolerance,
            self.quality,
        )
