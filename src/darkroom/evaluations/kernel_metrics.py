"""Metrics of estimated kernel fields: how far the kernels are from the true ones, and how well they explain the blurred image."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.averages import deviation, mean
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.core.metric import Accumulator, Metric, Score
from darkroom.operators.kernel_field import KernelField, distance
from darkroom.operators.linear_light import from_linear, to_linear
from darkroom.operators.varying_blur import blurred

SPACING = 8
"""Kernels are compared at every eighth pixel along both axes."""


@dataclass(frozen=True)
class FieldMetric(Metric):
    """A metric of a kernel field and the example that it was estimated from; the score of a test set is the mean.

    Args:
        function: `(field, batch) -> (batch,)`; the batch's target is the sharp image, larger than the input by the kernels' size
            minus 1, and its condition the true field.
    """

    function: Callable[[KernelField, Example], Float[Tensor, " batch"]] = field(kw_only=True, compare=False, repr=False)

    def accumulator(self, device: torch.device) -> Accumulator:
        return _Values(self)


class _Values:
    def __init__(self, metric: FieldMetric) -> None:
        self.metric = metric
        self.values: list[float] = []

    @torch.no_grad()
    def update(self, prediction: KernelField, target: Example) -> None:
        self.values += self.metric.function(prediction, target).tolist()

    def compute(self) -> Score:
        if not self.values:
            raise DarkroomError(f"{self.metric.title}: the test set has no images")
        return Score(mean(self.values), deviation(self.values), len(self.values), tuple(self.values))


def _kernel_l1(estimated: KernelField, batch: Example) -> Float[Tensor, " batch"]:
    along = [torch.arange(SPACING // 2, max(length, SPACING // 2 + 1), SPACING) for length in batch.input.shape[-2:]]
    rows, columns = (index.flatten().to(batch.input.device) for index in torch.meshgrid(*along, indexing="ij"))
    limits = (length - 1 for length in batch.input.shape[-2:])
    rows, columns = (index.clamp(max=limit) for index, limit in zip((rows, columns), limits, strict=True))
    return distance(estimated, KernelField(*batch.condition), rows, columns, "l1").double()


kernel_l1 = FieldMetric(
    "kernel_l1",
    "kernel L1",
    "",
    "Sum of absolute differences between the estimated and the true kernel of a pixel (0 to 2), mean over every eighth pixel along "
    "both axes with every segment of equal weight, then over images; lower is closer.",
    higher_is_better=False,
    digits=3,
    quality="other",
    function=_kernel_l1,
)
"""Distance of the kernels: 2 where they have no pixel in common."""


def reblur_psnr(gamma: float) -> FieldMetric:
    """PSNR of the sharp image, blurred by the estimated field in linear light, against the blurred image, coded with γ."""

    def function(estimated: KernelField, batch: Example) -> Float[Tensor, " batch"]:
        reblurred = from_linear(blurred(to_linear(batch.target, gamma), estimated), gamma)
        return -10 * torch.log10((reblurred.double() - batch.input.double()).square().mean((1, 2, 3)))

    return FieldMetric(
        "reblur_psnr",
        "reblur PSNR",
        "dB",
        f"PSNR, peak 1, of the sharp image blurred by the estimated kernels (linear light, gamma {gamma:g}, not rounded) against the "
        "blurred image; mean over images.",
        digits=2,
        tolerance=0.1,
        relative_tolerance=0.0,
        quality="other",
        function=function,
    )
