"""Metrics that have one value for a whole test set, built around torchmetrics."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.metric import Accumulator, Metric, Score


def _update(state: Any, prediction: Any, target: Any) -> None:
    state.update(prediction, target)


@dataclass(frozen=True)
class WholeSetMetric(Metric):
    """A metric whose value is not a mean over images: a distance of distributions, a confusion matrix.

    Args:
        state: makes a `torchmetrics.Metric`; called when an evaluation begins.
        update: updates it with a batch, `(state, prediction, target)`; by default `state.update(prediction, target)`.
        read: what `state.compute()` returns, to a number.
        requires: what is required and missing, in words; see `Metric.missing`.

    Example:
        >>> from torchmetrics.regression import MeanSquaredError
        >>> rmse = WholeSetMetric(
        ...     "rmse", "RMSE", "", "root of the mean squared error over all images", False,
        ...     state=lambda: MeanSquaredError(squared=False),
        ... )
        >>> accumulator = rmse.accumulator(torch.device("cpu"))
        >>> accumulator.update(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]))
        >>> accumulator.update(torch.tensor([5.0, 2.0]), torch.tensor([1.0, 2.0]))
        >>> accumulator.compute()
        Score(value=2.0, deviation=None, count=4, values=())
    """

    state: Callable[[], Any] = field(kw_only=True, compare=False, repr=False)
    update: Callable[[Any, Any, Any], None] = field(default=_update, kw_only=True, compare=False, repr=False)
    read: Callable[[Any], float] = field(default=float, kw_only=True, compare=False, repr=False)
    requires: Callable[[], str] = field(default=str, kw_only=True, compare=False, repr=False)

    def accumulator(self, device: torch.device) -> Accumulator:
        return _State(self, device)

    def missing(self) -> str:
        return self.requires()


class _State:
    """A torchmetrics metric and the number of predictions it has seen."""

    def __init__(self, metric: WholeSetMetric, device: torch.device) -> None:
        self.metric, self.count = metric, 0
        self.state = metric.state().to(device)

    @torch.no_grad()
    def update(self, prediction: Any, target: Any) -> None:
        self.metric.update(self.state, prediction, target)
        self.count += 0 if prediction is None else len(prediction)

    @torch.no_grad()
    def compute(self) -> Score:
        if not self.count:
            raise DarkroomError(f"{self.metric.title}: the test set has no examples")
        return Score(self.metric.read(self.state.compute()), None, self.count)
