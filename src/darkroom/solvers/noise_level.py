"""Estimation of the noise level of a photograph, for noise-conditional networks."""

from statistics import NormalDist, fmean

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_DB2 = (-0.48296291314453414, 0.8365163037378079, -0.2241438680420134, -0.12940952255126037)
"""Daubechies' high-pass filter with two vanishing moments: (1 + √3, 3 + √3, 3 − √3, 1 − √3) / 4√2 with alternating signs."""


def estimate_noise_level(image: Float[Tensor, "channel height width"]) -> float:
    """The standard deviation of white Gaussian noise: the median absolute finest diagonal wavelet coefficient over 0.6745.

    The wavelet is Daubechies' of four taps; coefficients that are 0 are left out. The mean over the channels. Biased upwards, as
    texture contributes too.

    Args:
        image: in any units, which are those of the estimate; the estimate is 0 for a side below 2 pixels.

    Source: Donoho & Johnstone 1994; as scikit-image's `estimate_sigma`.

    Example:
        >>> noise = 0.1 * torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> round(estimate_noise_level(noise), 2)
        0.1
    """
    return fmean(map(_of_channel, image.cpu())) if min(image.shape[1:]) > 1 else 0.0


def _of_channel(channel: Float[Tensor, "height width"]) -> float:
    coefficients = _finest(_finest(channel.double().T).T).abs()
    coefficients = coefficients[coefficients > 0]
    return float(np.median(coefficients.numpy())) / NormalDist().inv_cdf(0.75) if len(coefficients) else 0.0


def _finest(rows: Float[Tensor, "row pixel"]) -> Float[Tensor, "row coefficient"]:
    """The finest wavelet coefficients of each row, which is reflected at its ends."""
    length = rows.shape[1]
    rows = torch.cat([rows[:, :2].flip(1), rows, rows[:, -2 - length % 2 :].flip(1)], 1)
    count = (length + 3) // 2
    first, *others = (tap * rows[:, 3 - place : 2 + 2 * count - place : 2] for place, tap in enumerate(_DB2))
    return sum(others, start=first)  # in this order flat parts of photographs have coefficients that are 0
