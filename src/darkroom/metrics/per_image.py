"""Metrics that have a value for every image."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.averages import deviation, mean
from darkroom.core.errors import DarkroomError
from darkroom.core.metric import Accumulator, Metric, Score

Images = Float[Tensor, "batch channel height width"]


@dataclass(frozen=True)
class PerImageMetric(Metric):
    """A metric that compares each prediction with its target; the score of a test set is the mean.

    Args:
        function: `(prediction, target) -> (batch,)`, both `(batch, channel, height, width)` in [0, 1].
        requires: what is required and missing, in words; see `Metric.missing`.

    Example:
        >>> mse = PerImageMetric(
        ...     "mse", "MSE", "", "mean squared error, peak 1", False, function=lambda x, y: (x - y).square().mean((1, 2, 3))
        ... )
        >>> target = torch.zeros(2, 3, 8, 8)
        >>> mse(target + 0.5, target)
        tensor([0.2500, 0.2500])
        >>> state = mse.accumulator(torch.device("cpu"))
        >>> state.update(target + 0.5, target)
        >>> state.update(target + 1, target)
        >>> state.compute().value
        0.625
    """

    function: Callable[[Images, Images], Float[Tensor, " batch"]] = field(kw_only=True, compare=False, repr=False)
    requires: Callable[[], str] = field(default=str, kw_only=True, compare=False, repr=False)

    def __call__(self, prediction: Tensor, target: Tensor) -> Float[Tensor, " batch"]:
        """The value of each image of a batch.

        Raises:
            DarkroomError: prediction and target differ in shape, or are too small for the protocol.
        """
        if prediction.shape != target.shape:
            ours, theirs = ("x".join(map(str, x.shape[1:])) for x in (prediction, target))
            raise DarkroomError(
                f"{self.title}: the prediction is {ours} (channel x height x width) and its target {theirs}: "
                "are these the weights for this test set?"
            )
        return self.function(prediction, target)

    def accumulator(self, device: torch.device) -> Accumulator:
        return _Values(self)

    def missing(self) -> str:
        return self.requires()


class _Values:
    """The values of the images so far."""

    def __init__(self, metric: PerImageMetric) -> None:
        self.metric = metric
        self.values: list[float] = []

    @torch.no_grad()
    def update(self, prediction: Tensor, target: Tensor) -> None:
        self.values += self.metric(prediction, target).tolist()

    def compute(self) -> Score:
        if not self.values:
            raise DarkroomError(f"{self.metric.title}: the test set has no images")
        return Score(mean(self.values), deviation(self.values), len(self.values), tuple(self.values))
