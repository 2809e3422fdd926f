"""Noise as photographs have it: of any strength, white or correlated, in 8 bits, often compressed afterwards."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.images import round_to_8_bits
from darkroom.operators.jpeg import JPEG
from darkroom.operators.noise import Interval, draw


@dataclass(frozen=True)
class PhotographicNoise:
    """A mixture of what cameras and their files leave: y = Q(x + σ n), drawn anew for every image.

    n is one of four fields of unit variance and zero mean, Q rounds to 8 bits or compresses:

    - `white` of the images: n white and Gaussian, Q clips and rounds to 8 bits;
    - `clean` of the images: σ = 0, the image as it is;
    - half of the others: n is filtered by a small Gaussian kernel, as demosaicking and downscaling do, chroma more widely than
      luma; Q clips and rounds;
    - the rest: n white or filtered, and Q is JPEG of a quality between 60 and 98.

    For `grey` of the noisy images n is the same in all channels, as in black-and-white photographs and in film grain.

    Args:
        sigma: standard deviation on the 0–255 scale, or an interval to draw it from.
        white: share of white noise.
        clean: share of images without noise.
        grey: share of the noisy images whose channels have the same noise.

    Example:
        >>> noisy, level = PhotographicNoise((0.0, 50.0))(torch.rand(3, 32, 32), torch.Generator().manual_seed(0))
        >>> noisy.shape, bool((255 * noisy - (255 * noisy).round()).abs().max() < 1e-3), bool(0 <= level < 0.2)
        (torch.Size([3, 32, 32]), True, True)
    """

    sigma: float | Interval
    white: float = 0.6
    clean: float = 0.08
    grey: float = 0.1

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        """Add noise; the level is σ/255."""
        kind = torch.rand((), generator=generator).item()
        if kind < self.clean:
            return round_to_8_bits(clean), torch.tensor(0.0)
        sigma = draw(self.sigma, generator) / 255
        field = torch.randn(clean.shape, generator=generator)
        if torch.rand((), generator=generator) < self.grey:
            field = field[:1].expand_as(field)
        rest = (kind - self.clean - self.white) / (1 - self.clean - self.white) if kind > self.clean + self.white else -1.0
        if 0 <= rest < 0.75:  # a half of them is filtered and rounded, a quarter filtered and compressed
            field = filtered(field, draw((0.3, 1.2), generator), draw((0.5, 2.0), generator))
        noisy = clean + sigma * field
        if rest >= 0.5:
            return JPEG((60.0, 98.0), "any")(noisy, generator)[0], torch.tensor(sigma)
        return round_to_8_bits(noisy), torch.tensor(sigma)

    def __str__(self) -> str:
        spelled = f"uniform in [{self.sigma[0]:g}, {self.sigma[1]:g}]" if isinstance(self.sigma, tuple) else f"{self.sigma:g}"
        return (
            f"noise of sigma {spelled} (0-255 scale) in 8 bits: white for {100 * self.white:.0f} %, none for "
            f"{100 * self.clean:.0f} %, otherwise correlated or compressed as JPEG of quality 60 to 98; the same in all channels for "
            f"{100 * self.grey:.0f} %"
        )


def filtered(field: Float[Tensor, "channel height width"], luma: float, chroma: float) -> Float[Tensor, "channel height width"]:
    """White noise filtered by Gaussian kernels of these standard deviations in pixels; its variance stays what it is.

    The mean of the channels is filtered by the kernel of luma, their deviation from the mean by that of chroma. The field is
    continued periodically.
    """
    mean = field.mean(0, keepdim=True)
    return _blurred(mean, luma) + _blurred(field - mean, chroma)


def _blurred(field: Tensor, spread: float) -> Tensor:
    """A field filtered by a Gaussian kernel of unit energy."""
    radius = max(1, round(3 * spread))
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / spread) ** 2)
    kernel = kernel / kernel.square().sum().sqrt()
    rows, columns = (torch.arange(-radius, length + radius) % length for length in field.shape[1:])
    continued = field[:, rows][:, :, columns][:, None]
    return nn.functional.conv2d(nn.functional.conv2d(continued, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))[:, 0]
