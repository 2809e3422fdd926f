"""The contract of evaluations: a trained method, or a baseline, to scores and previews."""

import copy
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from darkroom.core.method import Method
from darkroom.core.metric import ComparedSets, Metric, Score
from darkroom.core.record import EvaluationRecord, Variant, spell, to_json

Predictor = Any
"""What an evaluation evaluates: a function whose arguments are the evaluation's own; a baseline, or `predictor(method)`."""

Progress = Callable[[int, int], None]
"""Called with the number of examples done and their total."""


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


Self = TypeVar("Self", bound="Evaluation")

PREVIEWS = 3
"""Examples of every evaluation that are kept to look at."""

PREVIEW_SIDE = 512
"""Larger images are cropped to this side in previews, in the middle."""


@dataclass(frozen=True)
class Preview:
    """An example to look at.

    Args:
        name: of the example.
        images: by role, `(channel, height, width)` in [0, 1]. "prediction" is what was evaluated, and is filed under the method's
            name; "input", "target" and others are shown beside it.
    """

    name: str
    images: Mapping[str, Tensor]


@dataclass(frozen=True)
class Outcome:
    """What an evaluation found.

    Args:
        scores: by the metric's name.
        previews: of some examples.
        seconds: median time of one prediction, synchronised.
        curves: by the metric's name, the mean score of each iterate of an iterative method; empty for others.
    """

    scores: Mapping[str, Score]
    previews: Sequence[Preview]
    seconds: float
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


class Evaluation(ABC):
    """A test set, what is done with it, and the metrics: some columns of a table.

    Making one reads nothing; `open` looks its data up. Nothing keeps all predictions in memory: metrics take them in one by one.

    Args:
        name: of the test set.
        metrics: the protocols; the first one chooses the best weights where it serves as validation.
        variant: what tells it apart from other evaluations on the same test set, for example `{"sigma": 25.0}`.
        baselines: predictors that are evaluated in the same way, by the name that tables give them.
        seed: of everything drawn at random.
        optional: skip it, and say so, where its data is not there.
    """

    unit = "image"
    """What an example is, in the singular: "image", "view", "sample". Times are seconds for one of them."""

    def __init__(
        self,
        name: str,
        metrics: Sequence[Metric],
        *,
        variant: Variant | None = None,
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
    ) -> None:
        self.name, self.metrics, self.variant = name, tuple(metrics), dict(variant or {})
        self.baselines, self.seed, self.optional = dict(baselines or {}), seed, optional

    @property
    def title(self) -> str:
        """Test set and variant, for example "bsd68, sigma 25"."""
        return ", ".join([self.name, *spell(self.variant)])

    @abstractmethod
    def open(self) -> None:
        """Look the test set up.

        Raises:
            DarkroomError: it is not there; the line says how to get it.
        """

    @abstractmethod
    def __len__(self) -> int:
        """Number of examples, once open."""

    @abstractmethod
    def protocol(self) -> str:
        """How inputs are made and what else a score depends on, in words; known without opening."""

    def predictor(self, method: Method) -> Predictor:
        """The function of a method that is evaluated."""
        return method.predict

    @abstractmethod
    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        """Evaluate a predictor on the whole test set, in evaluation precision."""

    def digests(self) -> dict[str, str]:
        """A digest of the content of every image by its name, to find training images; empty where that cannot be compared."""
        return {}

    def fingerprint(self) -> str:
        """A digest of everything that the scores and previews of a given predictor depend on, once open; empty where that
        cannot be determined: then baselines are evaluated anew in every run.
        """
        digests = self.digests()
        if not digests:
            return ""
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        record = {key: value for key, value in to_json(self.describe()).items() if key != "unit"}  # a word changes no score
        for metric in record["metrics"].values():
            if not metric["protocol"]:  # nor does what is not there
                del metric["protocol"]
        described = json.dumps([kind, record, self.seed, digests, PREVIEWS, PREVIEW_SIDE])
        return hashlib.blake2b(described.encode(), digest_size=16).hexdigest()

    def with_metrics(self: Self, metrics: Sequence[Metric]) -> Self:
        """The same evaluation by other metrics."""
        other = copy.copy(self)
        other.metrics = tuple(metrics)
        return other

    def compared_sets(self) -> ComparedSets:
        """What metrics of whole sets compare, once open."""
        return ComparedSets(len(self), len(self))

    def describe(self) -> EvaluationRecord:
        """What a run records of the evaluation, once open."""
        sets = self.compared_sets()
        metrics = {metric.name: metric.describe(sets) for metric in self.metrics}
        return EvaluationRecord(self.name, len(self), self.protocol(), dict(self.variant), metrics, unit=self.unit)
