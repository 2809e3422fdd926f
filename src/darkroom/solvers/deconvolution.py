"""Deconvolution without a learned prior, as a first iterate and as baselines: Wiener's filter and Richardson–Lucy."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.operators.blur import Blur
from darkroom.solvers.iterate import Image

BlurredImage = Float[Tensor, "channel blurred_height blurred_width"]

BALANCE_PER_VARIANCE = 30.0
"""Weight of the Laplacian in Wiener's filter over the variance of the noise, in [0, 1] units."""

LEAST = 1e-6
"""Where less light than this arrives, Richardson–Lucy makes no comparison."""


def pad_to_input(operator: Blur, y: BlurredImage) -> Image:
    """The blurred image on the pixel grid of x: for a "valid" blur, its edge is replicated outwards."""
    if operator.boundary != "valid":
        return y
    down, right = operator.margins
    return nn.functional.pad(y[None], (right, right, down, down), mode="replicate")[0]


def edge_tapered(operator: Blur, y: BlurredImage, times: int = 3) -> Image:
    """`pad_to_input`, with opposite edges blended, so that the blur is approximately circular (MATLAB's `edgetaper`).

    Args:
        operator: H.
        y: the blurred image.
        times: number of blendings.
    """
    image = pad_to_input(operator, y)
    if operator.boundary == "circular":
        return image
    weights = operator.circular.taper.to(image)
    for _ in range(times):
        image = weights * image + (1 - weights) * operator.circular(image)
    return image


def wiener(operator: Blur, y: BlurredImage, sigma: float) -> Image:
    """Wiener's filter, x̂ = conj(k̂) ŷ / (|k̂|² + β |Λ̂|²) with the Laplacian Λ; optimal for images with a 1/f² power spectrum.

    Args:
        operator: H; edges are tapered.
        y: the blurred image.
        sigma: standard deviation of its noise in the image's units.
    """
    image = edge_tapered(operator, y).double()
    transfer = operator.circular.spectrum(torch.float64).to(image.device)
    height, width = image.shape[1:]
    laplacian = (_second_difference(height)[:, None] + _second_difference(width)[: width // 2 + 1]).to(image.device)
    balance = max(BALANCE_PER_VARIANCE * sigma**2, 1e-8)
    restoration = transfer.conj() / (transfer.abs().square() + balance * laplacian.square())
    return torch.fft.irfft2(restoration * torch.fft.rfft2(image), s=(height, width)).to(y)


def _second_difference(length: int) -> Float[Tensor, " length"]:
    """The transfer function of −1, 2, −1 on a circle."""
    return 2 - 2 * torch.cos(2 * math.pi * torch.arange(length, dtype=torch.float64) / length)


def richardson_lucy(operator: Blur, y: BlurredImage, steps: int = 20) -> Image:
    """u ← u · Hᵀ(y / Hu): maximum likelihood under Poisson noise, regularised by early stopping.

    Args:
        operator: H; the blurred image is reflected at its edges.
        y: the blurred image.
        steps: number of iterations; more give a sharper and noisier image.
    """
    down, right = (2 * margin for margin in operator.margins)  # outside this it is black
    padded = nn.functional.pad(pad_to_input(operator, y)[None], (right, right, down, down), mode="reflect")[0].double()
    padded, (below, beside) = padded.clamp(min=0), operator.margins
    height, width = padded.shape[1:]
    blur = Blur(operator.kernel.double(), height + 2 * below, width + 2 * beside)
    u = torch.full_like(padded, 0.5)
    for _ in range(steps):
        arrives = blur(nn.functional.pad(u, (beside, beside, below, below)))
        ratio = torch.where(arrives > LEAST, padded / arrives, 0)
        u = u * blur.adjoint(ratio)[:, below : below + height, beside : beside + width]
    return u[:, down : height - down, right : width - right].to(y)
