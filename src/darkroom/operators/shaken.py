"""Pairs of a shaken and a sharp image: one kernel for the whole image, or one for each of several segments."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import interpolate

from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits
from darkroom.core.method import Example
from darkroom.operators.kernel_field import KernelField, composed, padded_to, uniform_field
from darkroom.operators.kernels import KernelDistribution
from darkroom.operators.linear_light import GAMMA, from_linear, to_linear
from darkroom.operators.noise import Gaussian, Interval, draw
from darkroom.operators.varying_blur import VaryingBlur

Clean = Float[Tensor, "channel height width"]

CELLS = 4
"""Drawn segments are the regions of smooth random functions, of about so many cells along each side of the image."""


@dataclass(frozen=True)
class ShakenPair:
    """A degradation for blind deblurring: `Example(shaken image, sharp image)`, by a blur kernel that is drawn anew.

    The image is blurred in linear light, y = (Σ_b m_b ∘ (k_b ⊗ x^γ))^(1/γ), and clipped. Nothing is assumed beyond its border: input
    and target are smaller than the clean image by the kernel's support minus 1, and show the same part of it. So a stream's
    `patch_size` is that of the network's input plus the support minus 1.

    With `segments` above 1, their number is drawn between 1 and that one, and so are their shapes and the kernel of each; edges
    between them are blurred as `kernel_field.composed` says.

    Args:
        shake: the kernels' distribution, for instance `operators.motion.CameraShake`.
        segments: largest number of differently blurred segments.
        sigma: standard deviation of the noise on the 0–255 scale, added to the coded values, or an interval to draw it from.
        gamma: γ; 1 blurs the coded values.
        quantised: clip and round the shaken image to 8 bits, after adding noise.
        field_given: the kernel field is the condition, `(kernels, masks)` with `segments` kernels, and the target is the whole
            clean image, whose `VaryingBlur` with boundary "valid" the input is: for learning kernels.

    Example:
        >>> from darkroom.operators.motion import CameraShake
        >>> pair = ShakenPair(CameraShake(9))
        >>> example = pair(torch.rand(3, 40, 50), torch.Generator().manual_seed(0))
        >>> example.input.shape, example.target.shape
        (torch.Size([3, 32, 42]), torch.Size([3, 32, 42]))
        >>> print(pair)
        blurred in linear light (gamma 2.2) by camera shake after Kupyn et al. 2018 (path of 60 pixels, exposures 0.01, 0.1, 0.5, 1,
        kernels of 9x9), only where whole kernels lie inside the image; then Gaussian noise of sigma 0 (0-255 scale), clipped and
        rounded to 8 bits
    """

    shake: KernelDistribution
    segments: int = 1
    sigma: float | Interval = 0.0
    gamma: float = GAMMA
    quantised: bool = True
    field_given: bool = False

    def __post_init__(self) -> None:
        least = min(self.sigma) if isinstance(self.sigma, tuple) else self.sigma
        if self.segments < 1 or not least >= 0 or not self.gamma > 0:
            raise DarkroomError(
                f"segments are at least 1, sigma at least 0 and gamma above 0, given {self.segments}, {least:g}, {self.gamma:g}"
            )

    def __call__(self, clean: Clean, generator: torch.Generator, labels: Int[Tensor, "height width"] | None = None) -> Example:
        """Shake a clean image in [0, 1].

        Args:
            clean: the image.
            generator: of everything drawn.
            labels: the segments of the image, for example of a label map; the largest `segments` of them are blurred
                differently, and the rest as the largest is. By default they are drawn.

        Raises:
            DarkroomError: the image is smaller than a kernel.
        """
        height, width = clean.shape[1:]
        if min(height, width) < self.shake.support:
            raise DarkroomError(
                f"an image of {width}x{height} is smaller than a blur kernel of {self.shake.support}x{self.shake.support}: "
                "take larger images or patches, or a smaller support"
            )
        field = self._field(height, width, generator, labels)
        shaken = from_linear(VaryingBlur(field, "valid")(to_linear(clean, self.gamma)), self.gamma)
        sigma = draw(self.sigma, generator)
        if sigma:
            shaken = shaken + sigma / 255 * torch.randn(shaken.shape, generator=generator)
        shaken = round_to_8_bits(shaken) if self.quantised else shaken
        if self.field_given:
            return Example(shaken, clean, tuple(padded_to(field, self.segments)))
        margin = self.shake.support // 2
        return Example(shaken, clean[:, margin : height - margin, margin : width - margin].contiguous())

    def _field(self, height: int, width: int, generator: torch.Generator, labels: Tensor | None) -> KernelField:
        if labels is None:
            count = 1 + int(torch.randint(self.segments, (), generator=generator))
            labels = drawn_segments(height, width, count, generator) if count > 1 else None
        else:
            labels = largest_segments(labels, self.segments)
            count = int(labels.max()) + 1
        kernels = torch.stack([self.shake(generator) for _ in range(count)])
        margin = self.shake.support - 1
        return uniform_field(kernels[0], height - margin, width - margin) if labels is None else composed(labels, kernels)

    def __str__(self) -> str:
        several = f"1 to {self.segments} segments, each by its own " if self.segments > 1 else ""
        given = "; the kernel field is given" if self.field_given else ""
        return (
            f"blurred in linear light (gamma {self.gamma:g}) by {several}{self.shake}, only where whole kernels lie inside the image; "
            f"then {Gaussian(self.sigma, self.quantised)}{given}"
        )


def drawn_segments(height: int, width: int, count: int, generator: torch.Generator) -> Int[Tensor, "height width"]:
    """A random label map of `count` connected-looking regions: at each pixel, the largest of so many smooth random functions.

    Example:
        >>> labels = drawn_segments(20, 30, 3, torch.Generator().manual_seed(0))
        >>> labels.shape, int(labels.max()) < 3
        (torch.Size([20, 30]), True)
    """
    coarse = torch.randn(1, count, CELLS, CELLS, generator=generator)
    return interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0].argmax(0)


def largest_segments(labels: Int[Tensor, "height width"], count: int) -> Int[Tensor, "height width"]:
    """The `count` most frequent labels as 0, 1, …, in this order; all others become 0.

    Example:
        >>> largest_segments(torch.tensor([[7, 7, 7, 3, 3, 5]]), 2).tolist()
        [[0, 0, 0, 1, 1, 0]]
    """
    found, inverse, sizes = labels.unique(return_inverse=True, return_counts=True)
    order = sizes.argsort(descending=True, stable=True)[:count]
    renumbered = torch.zeros(len(found), dtype=torch.long)
    renumbered[order] = torch.arange(len(order))
    return renumbered[inverse]
