"""Blur as photographs have it: camera shake, defocus, a soft lens, or none."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.operators.blur import Kernel, normalised
from darkroom.operators.motion import CameraShake
from darkroom.operators.noise import Interval, draw

SUBPIXELS = 9
"""The edge of a disk is computed with so many points along each side of a pixel."""


@dataclass(frozen=True)
class PhotographicBlur:
    """Random kernels of unsharp photographs: `blur(generator)` draws one, `(support, support)`, which sums to one.

    - `sharp` of the kernels are a single pixel: the image stays as it is;
    - half of the others are camera shake (`operators.motion.CameraShake`);
    - a quarter are a disk, the image of a point out of focus;
    - a quarter are Gaussian.

    Args:
        support: side of the kernels, odd.
        length: length in pixels of a whole trajectory of the camera, of which a tenth to all is exposed.
        radius: of the disk in pixels, or an interval to draw it from.
        spread: standard deviation of the Gaussian in pixels, or an interval.
        sharp: share of kernels that are a single pixel.

    Raises:
        DarkroomError: a disk does not fit into the support, a size is not positive, or a share is not in [0, 1].

    Example:
        >>> kernel = PhotographicBlur()(torch.Generator().manual_seed(0))
        >>> tuple(kernel.shape), round(kernel.sum().item(), 5)
        ((25, 25), 1.0)
    """

    support: int = 25
    length: float = 30.0
    radius: float | Interval = (0.5, 4.0)
    spread: float | Interval = (0.4, 2.5)
    sharp: float = 0.1

    def __post_init__(self) -> None:
        self._shake()
        radius, spread = ((value if isinstance(value, tuple) else (value, value)) for value in (self.radius, self.spread))
        if not 0 < radius[0] <= radius[1] <= self.support / 2 or not 0 < spread[0] <= spread[1] or not 0 <= self.sharp <= 1:
            raise DarkroomError(
                f"a disk fits into the kernel, a spread is positive and a share is at most 1; given a support of {self.support}, "
                f"radius {self.radius}, spread {self.spread} and sharp {self.sharp:g}"
            )

    def __call__(self, generator: torch.Generator) -> Kernel:
        """Draw a kernel."""
        kind = torch.rand((), generator=generator).item()
        if kind < self.sharp:
            return gaussian(self.support, 0.0)
        share = (kind - self.sharp) / (1 - self.sharp)
        if share < 0.5:
            return self._shake()(generator)
        if share < 0.75:
            return disk(self.support, draw(self.radius, generator))
        return gaussian(self.support, draw(self.spread, generator))

    def _shake(self) -> CameraShake:
        return CameraShake(self.support, length=self.length, exposures=(0.1, 0.25, 0.5, 1.0))

    def __str__(self) -> str:
        return (
            f"{self._shake()}, disks of radius {_spelled(self.radius)}, Gaussian kernels of spread {_spelled(self.spread)} "
            f"(2 to 1 to 1), or not at all ({100 * self.sharp:.0f} %)"
        )


def disk(support: int, radius: float) -> Float[Tensor, "support support"]:
    """The kernel of a point out of focus: the share of each pixel that a disk covers.

    Example:
        >>> [round(value, 2) for value in disk(3, 1.0)[1].tolist()]
        [0.15, 0.32, 0.15]
    """
    offsets = (torch.arange(SUBPIXELS, dtype=torch.float64) + 0.5) / SUBPIXELS - 0.5
    along = (torch.arange(support, dtype=torch.float64)[:, None] - support // 2 + offsets).flatten()
    inside = (along[:, None].square() + along.square() <= radius**2).double()
    covered = inside.view(support, SUBPIXELS, support, SUBPIXELS).mean((1, 3))
    return normalised(covered).float()


def gaussian(support: int, spread: float) -> Float[Tensor, "support support"]:
    """A Gaussian kernel; with a spread of 0 a single pixel.

    Example:
        >>> gaussian(3, 0.0)[1].tolist()
        [0.0, 1.0, 0.0]
    """
    along = torch.arange(support, dtype=torch.float64) - support // 2
    values = torch.exp(-0.5 * (along / spread).square()) if spread > 0 else (along == 0).double()
    return normalised(values[:, None] * values).float()


def _spelled(value: float | Interval) -> str:
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else f"{value:g}"
