"""Restoration of photographs once their kernel field is known: linear light, the image's border, Richardson–Lucy."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from darkroom.operators.kernel_field import KernelField, check, pruned
from darkroom.operators.linear_light import GAMMA, from_linear, to_linear
from darkroom.operators.varying_blur import VaryingBlur
from darkroom.solvers.richardson_lucy import STEPS, richardson_lucy

Images = Float[Tensor, "batch channel height width"]


@dataclass(frozen=True)
class Restoration:
    """How a photograph is restored with a kernel field.

    Args:
        steps: of Richardson–Lucy, which is stopped early.
        gamma: γ of the photograph.
        saturation: treat clipped highlights as such.
        smoothing: weight of the total variation.

    Example:
        >>> print(Restoration(smoothing=0.005))
        30 iterations of Richardson-Lucy in linear light (gamma 2.2), clipped highlights left out, total variation 0.005
    """

    steps: int = STEPS
    gamma: float = GAMMA
    saturation: bool = True
    smoothing: float = 0.0

    def __str__(self) -> str:
        clipped = ", clipped highlights left out" if self.saturation else ""
        smoothed = f", total variation {self.smoothing:g}" if self.smoothing else ""
        return f"{self.steps} iterations of Richardson-Lucy in linear light (gamma {self.gamma:g}){clipped}{smoothed}"


def restorations(shaken: Images, field: KernelField, how: Restoration = Restoration()) -> Iterator[Images]:
    """The images after each iteration, gamma-coded, clipped, of the size of the shaken ones.

    The blur is "valid": the scene continues beyond the border of the photograph, and is estimated there too, from what its blur
    brings inside. So nothing is assumed of it, and there is no ringing along the border.

    Args:
        shaken: gamma-coded images in [0, 1].
        field: of each image, `(batch, basis, …)`.
        how: see `Restoration`.

    Raises:
        DarkroomError: the field is not one.

    Example:
        >>> from darkroom.operators.kernel_field import uniform_field
        >>> field = uniform_field(torch.full((1, 5), 0.2), 20, 30)
        >>> batch = KernelField(field.kernels[None], field.masks[None])
        >>> [tuple(restored.shape) for restored in restorations(torch.rand(1, 3, 20, 30), batch, Restoration(steps=2))]
        [(1, 3, 20, 30), (1, 3, 20, 30)]
    """
    solvers = []
    for image, kernels, masks in zip(to_linear(shaken, how.gamma), field.kernels, field.masks, strict=True):
        check(KernelField(kernels, masks))
        blur = VaryingBlur(pruned(KernelField(kernels, masks)), "valid")
        down, right = blur.margins
        start = pad(image[None], (right, right, down, down), mode="replicate")[0]
        solvers.append(
            richardson_lucy(blur, image, start=start, steps=how.steps, saturation=how.saturation, smoothing=how.smoothing)
        )
    height, width = shaken.shape[-2:]
    for iterates in zip(*solvers, strict=True):
        inner = torch.stack([iterate.u for iterate in iterates])
        top, left = (inner.shape[-2] - height) // 2, (inner.shape[-1] - width) // 2
        yield from_linear(inner[..., top : top + height, left : left + width], how.gamma)
