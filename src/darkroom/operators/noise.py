"""Noise: y = x + n, or what takes its place, drawn from a generator and nothing else.

Every noise is a small immutable object. Called with a clean image and a generator it returns the
noisy image and the level that was drawn (in the image's own units), so that a network may be told.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from darkroom.core.images import round_to_8_bits
from darkroom.core.method import Example

Interval = tuple[float, float]
"""A level that is drawn anew for every image, uniformly between two bounds."""


@runtime_checkable
class Noise(Protocol):
    """What every noise does: `(clean, generator) -> (noisy, level)`."""

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]: ...


@dataclass(frozen=True)
class Gaussian:
    """Additive white Gaussian noise, y = x + σ n with n ~ N(0, 1) independent for every number.

    Neither clipped nor rounded, as the published denoising tables assume, unless `quantised`: then
    y is clipped to [0, 1] and rounded to 8 bits, as in every photograph that was ever saved.

    Args:
        sigma: standard deviation on the 0–255 scale, or an interval to draw it from.
        quantised: clip to [0, 1] and round to 8 bits.
    """

    sigma: float | Interval
    quantised: bool = False

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        sigma = draw(self.sigma, generator) / 255
        noisy = torch.randn(clean.shape, generator=generator).mul_(sigma).add_(clean)
        if self.quantised:
            noisy = round_to_8_bits(noisy)
        return noisy, torch.tensor(sigma)


@dataclass(frozen=True)
class Blocky:
    """Gaussian noise in squares of several sizes: y = x + Σ_s σ_s n_s, n_s ~ N(0, 1) constant on every s×s square.

    Zero-mean, and not white: what is left of blotches and compression once an image was reduced. The squares of a size
    lie side by side from the image's upper left corner; every channel has its own.

    Args:
        sigmas: pairs (s, σ_s), the deviations on the 0–255 scale.
    """

    sigmas: tuple[tuple[int, float], ...]

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        channels, height, width = clean.shape
        noisy = clean
        for side, sigma in self.sigmas:
            squares = torch.randn(channels, -(-height // side), -(-width // side), generator=generator)
            spread = squares.repeat_interleave(side, 1).repeat_interleave(side, 2)
            noisy = noisy + sigma / 255 * spread[:, :height, :width]
        return noisy, torch.tensor(sum(sigma**2 for _, sigma in self.sigmas) ** 0.5 / 255)


@dataclass(frozen=True)
class Poisson:
    """Photon counting: y = k / λ with k ~ Poisson(λ x); zero-mean, its variance x / λ grows with the light.

    Args:
        peak: λ, the photons counted where x = 1, or an interval to draw it from.

    Source: Lehtinen et al. 2018 (Noise2Noise), section 3.2.
    """

    peak: float | Interval

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        peak = draw(self.peak, generator)
        return torch.poisson(clean.clamp(min=0) * peak, generator=generator) / peak, torch.tensor(peak)


@dataclass(frozen=True)
class Impulse:
    """Random-valued impulses: with probability p a pixel becomes a colour drawn uniformly from [0, 1]^c.

    Args:
        probability: p, or an interval to draw it from.

    Source: Lehtinen et al. 2018 (Noise2Noise), section 3.4.
    """

    probability: float | Interval

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        probability = draw(self.probability, generator)
        hit = torch.rand(clean.shape[-2:], generator=generator) < probability
        colours = torch.rand(clean.shape, generator=generator)
        return torch.where(hit, colours, clean), torch.tensor(probability)


@dataclass(frozen=True)
class TextOverlay:
    """Random strings of random size, place and colour, until a share of the pixels is covered.

    Args:
        coverage: share of the pixels covered at least, or an interval to draw it from; below 0.9.

    Source: Lehtinen et al. 2018 (Noise2Noise), section 3.3.
    """

    coverage: float | Interval

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        coverage = draw(self.coverage, generator)
        channels, height, width = clean.shape
        noisy, covered = clean.clone(), torch.zeros(height, width, dtype=torch.bool)
        while covered.float().mean() < coverage:
            letters = torch.randint(33, 127, (_integer(3, 25, generator),), generator=generator).tolist()
            mask = Image.new("1", (width, height))
            ImageDraw.Draw(mask).text(
                (_integer(-width // 4, width, generator), _integer(-8, height, generator)),
                "".join(map(chr, letters)),
                fill=1,
                font=ImageFont.load_default(_integer(10, 25, generator)),
            )
            inked = torch.from_numpy(np.array(mask))
            colour = torch.rand((channels, 1, 1), generator=generator)
            noisy = torch.where(inked, colour, noisy)
            covered |= inked
        return noisy, torch.tensor(coverage)


@dataclass(frozen=True)
class NoisyPair:
    """A clean image and its noisy copy: what a denoiser is trained and evaluated on.

    Args:
        noise: the noise.
        told: whether the network is told the level (as `given`).
    """

    noise: Noise
    noise_conditional: bool = False

    def __call__(self, clean: Float[Tensor, "channel height width"], generator: torch.Generator) -> Example:
        noisy, level = self.noise(clean, generator)
        return Example(noisy, clean, (level,) if self.noise_conditional else ())


@dataclass(frozen=True)
class TwoNoisy:
    """Two noisy copies of an image, their noise independent: what Noise2Noise learns from.

    Args:
        noise: the noise of both; a level that is drawn is drawn for each.
    """

    noise: Noise

    def __call__(self, clean: Float[Tensor, "channel height width"], generator: torch.Generator) -> Example:
        source, _ = self.noise(clean, generator)
        target, _ = self.noise(clean, generator)
        return Example(source, target)


def draw(level: float | Interval, generator: torch.Generator) -> float:
    """A fixed level as it is; a level from an interval drawn uniformly."""
    if isinstance(level, tuple):
        low, high = level
        return low + (high - low) * torch.rand((), generator=generator, dtype=torch.float64).item()
    return float(level)


def _integer(low: int, high: int, generator: torch.Generator) -> int:
    return int(torch.randint(low, high, (), generator=generator))
