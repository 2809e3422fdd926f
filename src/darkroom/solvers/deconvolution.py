"""Deconvolution without a learned prior, as a first iterate and as baselines: Wiener's filter and Richardson–Lucy."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.operators.blur import Blur
from darkroom.solvers.iterate import Image

BlurredImage = Float[Tensor, "channel blurred_height blurred_width"]

BALANCE_PER_VARIANCE = 30.0
"""Weight of the Laplacian in Wiener's filter over the variance of the noise, in [0, 1] units."""


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
    from skimage.restoration import wiener as scikit_wiener

    balance = max(BALANCE_PER_VARIANCE * sigma**2, 1e-8)
    kernel = operator.kernel.double().cpu().numpy()
    channels = [
        scikit_wiener(channel, kernel, balance, clip=False) for channel in edge_tapered(operator, y).double().cpu().numpy()
    ]
    return torch.from_numpy(np.stack(channels)).to(y)


def richardson_lucy(operator: Blur, y: BlurredImage, steps: int = 20) -> Image:
    """u ← u · Hᵀ(y / Hu): maximum likelihood under Poisson noise, regularised by early stopping.

    Args:
        operator: H; the blurred image is reflected at its edges.
        y: the blurred image.
        steps: number of iterations; more give a sharper and noisier image.
    """
    from skimage.restoration import richardson_lucy as scikit_richardson_lucy

    down, right = (2 * margin for margin in operator.margins)  # scikit-image assumes black outside the image
    padded = nn.functional.pad(pad_to_input(operator, y)[None], (right, right, down, down), mode="reflect")[0].double()
    kernel = operator.kernel.double().cpu().numpy()
    channels = [
        scikit_richardson_lucy(channel.cpu().numpy(), kernel, num_iter=steps, filter_epsilon=1e-6)
        for channel in padded.clamp(min=0)
    ]
    inner = (slice(None), slice(down, -down or None), slice(right, -right or None))
    return torch.from_numpy(np.stack(channels)[inner]).to(y)
