"""Noise models: a clean image x to a noisy image y, drawn from a given generator alone.

A noise is a small immutable object. Called with a clean image and a generator, it returns the noisy image and the noise level
that was drawn, with which noise-conditional networks are conditioned.
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
"""Bounds between which a parameter is drawn uniformly, anew for every image."""


@runtime_checkable
class Noise(Protocol):
    """The contract of noise models: `(clean, generator) -> (noisy, level)`; `str(noise)` names the model and its parameters."""

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]: ...


@dataclass(frozen=True)
class Gaussian:
    """Additive white Gaussian noise, y = x + σ n with n ~ N(0, 1) independent for every pixel and channel.

    Neither clipped nor rounded, as in the published denoising tables, unless `quantised`: then y is clipped to [0, 1] and
    rounded to 8 bits, as in an image file.

    Args:
        sigma: standard deviation on the 0–255 scale, or an interval to draw it from.
        quantised: clip to [0, 1] and round to 8 bits.

    Example:
        >>> noisy, level = Gaussian(25.0)(torch.zeros(3, 64, 64), torch.Generator().manual_seed(0))
        >>> round(255 * level.item()), round(255 * noisy.std().item())
        (25, 25)
        >>> print(Gaussian((0.0, 55.0)))
        Gaussian noise of sigma uniform in [0, 55] (0-255 scale), neither clipped nor rounded
    """

    sigma: float | Interval
    quantised: bool = False

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        """Add noise; the level is σ/255."""
        sigma = draw(self.sigma, generator) / 255
        noisy = torch.randn(clean.shape, generator=generator).mul_(sigma).add_(clean)
        if self.quantised:
            noisy = round_to_8_bits(noisy)
        return noisy, torch.tensor(sigma)

    def __str__(self) -> str:
        quantisation = "clipped and rounded to 8 bits" if self.quantised else "neither clipped nor rounded"
        return f"Gaussian noise of sigma {_spelled(self.sigma)} (0-255 scale), {quantisation}"


@dataclass(frozen=True)
class Blocky:
    """Gaussian noise, constant on square blocks of several sizes: y = x + Σ_s σ_s n_s, n_s ~ N(0, 1) for every s×s block.

    Zero-mean and spatially correlated, like the residue of chroma blotches and compression in a downscaled photograph. Blocks are
    aligned to the image's upper left corner; channels are independent.

    Args:
        sigmas: pairs (s, σ_s), the standard deviations on the 0–255 scale.
    """

    sigmas: tuple[tuple[int, float], ...]

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        """Add noise; the level is √(Σ σ_s²)/255."""
        channels, height, width = clean.shape
        noisy = clean
        for side, sigma in self.sigmas:
            blocks = torch.randn(channels, -(-height // side), -(-width // side), generator=generator)
            spread = blocks.repeat_interleave(side, 1).repeat_interleave(side, 2)
            noisy = noisy + sigma / 255 * spread[:, :height, :width]
        return noisy, torch.tensor(sum(sigma**2 for _, sigma in self.sigmas) ** 0.5 / 255)

    def __str__(self) -> str:
        blocks = ", ".join(f"sigma {sigma:g} on {side}x{side} blocks" for side, sigma in self.sigmas)
        return f"Gaussian noise constant on blocks: {blocks} (0-255 scale), neither clipped nor rounded"


@dataclass(frozen=True)
class Poisson:
    """Shot noise: y = k / λ with k ~ Poisson(λ x); zero-mean, with variance x / λ.

    Args:
        peak: λ, the expected photon count where x = 1, or an interval to draw it from.

    Source: Lehtinen et al. 2018 (Noise2Noise), section 3.2.
    """

    peak: float | Interval

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        """Draw photon counts; the level is λ."""
        peak = draw(self.peak, generator)
        return torch.poisson(clean.clamp(min=0) * peak, generator=generator) / peak, torch.tensor(peak)

    def __str__(self) -> str:
        return f"Poisson noise of peak {_spelled(self.peak)}, neither clipped nor rounded"


@dataclass(frozen=True)
class Impulse:
    """Random-valued impulse noise: with probability p a pixel is replaced by a colour drawn uniformly from [0, 1]^c.

    Args:
        probability: p, or an interval to draw it from.

    Source: Lehtinen et al. 2018 (Noise2Noise), section 3.4.
    """

    probability: float | Interval

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        """Replace pixels; the level is p."""
        probability = draw(self.probability, generator)
        replaced = torch.rand(clean.shape[-2:], generator=generator) < probability
        colours = torch.rand(clean.shape, generator=generator)
        return torch.where(replaced, colours, clean), torch.tensor(probability)

    def __str__(self) -> str:
        return f"random-valued impulse noise of probability {_spelled(self.probability)}, neither clipped nor rounded"


@dataclass(frozen=True)
class TextOverlay:
    """Random strings of random size, place and colour, added until a given share of the pixels is covered.

    Args:
        coverage: least share of covered pixels, or an interval to draw it from; below 0.9.

    Source: Lehtinen et al. 2018 (Noise2Noise), section 3.3.
    """

    coverage: float | Interval

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        """Draw text over the image; the level is the coverage."""
        coverage = draw(self.coverage, generator)
        channels, height, width = clean.shape
        noisy, covered = clean.clone(), torch.zeros(height, width, dtype=torch.bool)
        while covered.float().mean() < coverage:
            letters = torch.randint(33, 127, (_integer(3, 25, generator),), generator=generator).tolist()
            canvas = Image.new("1", (width, height))
            ImageDraw.Draw(canvas).text(
                (_integer(-width // 4, width, generator), _integer(-8, height, generator)),
                "".join(map(chr, letters)),
                fill=1,
                font=ImageFont.load_default(_integer(10, 25, generator)),
            )
            mask = torch.from_numpy(np.array(canvas))
            colour = torch.rand((channels, 1, 1), generator=generator)
            noisy = torch.where(mask, colour, noisy)
            covered |= mask
        return noisy, torch.tensor(coverage)

    def __str__(self) -> str:
        return f"random text over {_spelled(self.coverage)} of the pixels, neither clipped nor rounded"


@dataclass(frozen=True)
class NoisyPair:
    """A degradation for denoising: `Example(noisy image, clean image)`.

    Args:
        noise: the noise model.
        noise_conditional: the noise level is the example's condition, an argument of noise-conditional networks.

    Example:
        >>> degrade = NoisyPair(Gaussian(25.0), noise_conditional=True)
        >>> example = degrade(torch.rand(3, 16, 16), torch.Generator().manual_seed(0))
        >>> example.input.shape, [round(255 * level.item()) for level in example.condition]
        (torch.Size([3, 16, 16]), [25])
        >>> print(degrade)
        Gaussian noise of sigma 25 (0-255 scale), neither clipped nor rounded; the noise level is given
    """

    noise: Noise
    noise_conditional: bool = False

    def __call__(self, clean: Float[Tensor, "channel height width"], generator: torch.Generator) -> Example:
        """Add noise to a clean image in [0, 1]."""
        noisy, level = self.noise(clean, generator)
        return Example(noisy, clean, (level,) if self.noise_conditional else ())

    def __str__(self) -> str:
        return f"{self.noise}; the noise level is {'given' if self.noise_conditional else 'not given'}"


@dataclass(frozen=True)
class NoisyTargetPair:
    """A degradation for Noise2Noise: two noisy copies of an image with independent noise, as input and as target.

    Args:
        noise: the noise model of both copies; a parameter from an interval is drawn for each copy.

    Source: Lehtinen et al. 2018 (Noise2Noise), section 2.
    """

    noise: Noise

    def __call__(self, clean: Float[Tensor, "channel height width"], generator: torch.Generator) -> Example:
        """Add noise to a clean image in [0, 1], twice."""
        first, _ = self.noise(clean, generator)
        second, _ = self.noise(clean, generator)
        return Example(first, second)

    def __str__(self) -> str:
        return f"{self.noise}; the target is a second copy with independent noise; the noise level is not given"


def draw(parameter: float | Interval, generator: torch.Generator) -> float:
    """The parameter itself, or a uniform draw from an interval."""
    if isinstance(parameter, tuple):
        low, high = parameter
        return low + (high - low) * torch.rand((), generator=generator, dtype=torch.float64).item()
    return float(parameter)


def _spelled(parameter: float | Interval) -> str:
    return f"uniform in [{parameter[0]:g}, {parameter[1]:g}]" if isinstance(parameter, tuple) else f"{parameter:g}"


def _integer(low: int, high: int, generator: torch.Generator) -> int:
    return int(torch.randint(low, high, (), generator=generator))
