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


@dataclass(frozen=True)
class ComparedSets:
    """The sets of images that an evaluation compares, once open; its string is part of the protocol of metrics of whole sets.

    Args:
        predictions: number of predictions.
        references: number of reference images.
        files: the format of the references' files, for example "PNG"; "" where they are no files.

    Example:
        >>> str(ComparedSets(1000, 50_000, "JPEG"))
        '1,000 predictions against 50,000 images (JPEG)'
    """

    predictions: int
    references: int
    files: str = ""

    def __str__(self) -> str:
        files = f" ({self.files})" if self.files else ""
        return f"{self.predictions:,} predictions against {self.references:,} images{files}"


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
        quality: whether it measures fidelity to the ground truth, perceptual quality, time (of which the report has a column for
            each device), or something else.
    """

    name: str
    title: str
    unit: str
    definition: str
    higher_is_better: bool = True
    digits: int = 4
    tolerance: float = 0.0
    relative_tolerance: float = 0.03
    quality: Literal["fidelity", "perception", "time", "other"] = "fidelity"

    @abstractmethod
    def accumulator(self, device: torch.device) -> Accumulator:
        """A fresh state, on the device of the predictions."""

    def missing(self) -> str:
        """What the metric requires and is not there, in words; empty if nothing is missing."""
        return ""

    def undefined(self, sets: ComparedSets) -> str:
        """Why a metric has no value for these sets, in words; empty if it has one."""
        return ""

    def describe(self, sets: ComparedSets | None = None) -> MetricRecord:
        """What a run records of the metric.

        Args:
            sets: that are compared, of which the value of a metric of whole sets depends; None where they are not known.
        """
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
