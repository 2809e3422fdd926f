"""Deconvolution without a learned prior: Wiener's filter and Richardson–Lucy, by scikit-image, to start from and to beat."""

import numpy as np
import torch
from torch import nn

from darkroom.operators.blur import Blur
from darkroom.solvers.iterate import ImageFile, Observed

BALANCE_PER_VARIANCE = 30.0
"""Weight of the Laplacian in Wiener's filter over the variance of the noise (in [0, 1] units)."""


def extended(operator: Blur, y: Observed) -> ImageFile:
    """y on the grid of x: where H answers less than it sees, the outermost pixels are repeated."""
    if operator.boundary != "valid":
        return y
    down, right = operator.margins
    return nn.functional.pad(y[None], (right, right, down, down), mode="replicate")[0]


def joined(operator: Blur, y: Observed, times: int = 3) -> ImageFile:
    """`extended`, with its ends blended into each other so that it may be taken for a circular blur (MATLAB's edgetaper)."""
    image = extended(operator, y)
    if operator.boundary == "circular":
        return image
    weights = operator.circular.taper.to(image)
    for _ in range(times):
        image = weights * image + (1 - weights) * operator.circular(image)
    return image


def wiener(operator: Blur, y: Observed, sigma: float) -> ImageFile:
    """x̂ = conj(k̂) ŷ / (|k̂|² + β |Λ̂|²), Λ the Laplacian: the best linear answer to an image whose power falls as 1/f².

    Args:
        operator: H; at its border see `joined`.
        y: what was observed.
        sigma: deviation of its noise in the image's units.
    """
    from skimage.restoration import wiener as by_scikit_image

    balance = max(BALANCE_PER_VARIANCE * sigma**2, 1e-8)
    kernel = operator.kernel.double().cpu().numpy()
    channels = [by_scikit_image(channel, kernel, balance, clip=False) for channel in joined(operator, y).double().cpu().numpy()]
    return torch.from_numpy(np.stack(channels)).to(y)


def richardson_lucy(operator: Blur, y: Observed, steps: int = 20) -> ImageFile:
    """u ← u · Hᵀ(y / Hu): the likeliest image under Poisson noise, before it has learned the noise too (early stopping).

    Args:
        operator: H; at its border see `joined`.
        y: what was observed.
        steps: how many; more are sharper and noisier.
    """
    from skimage.restoration import richardson_lucy as by_scikit_image

    down, right = (2 * margin for margin in operator.margins)  # scikit-image takes what lies outside for black
    observed = nn.functional.pad(extended(operator, y)[None], (right, right, down, down), mode="reflect")[0].double()
    kernel = operator.kernel.double().cpu().numpy()
    channels = [
        by_scikit_image(channel.cpu().numpy(), kernel, num_iter=steps, filter_epsilon=1e-6) for channel in observed.clamp(min=0)
    ]
    inner = (slice(None), slice(down, -down or None), slice(right, -right or None))
    return torch.from_numpy(np.stack(channels)[inner]).to(y)
