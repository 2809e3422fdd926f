"""Estimation of the noise level of a photograph, for noise-conditional networks."""

from jaxtyping import Float
from torch import Tensor


def estimate_noise_level(image: Float[Tensor, "channel height width"]) -> float:
    """The standard deviation of white Gaussian noise: the median absolute finest diagonal wavelet coefficient over 0.6745.

    The mean over the channels. Biased upwards, as texture contributes too.

    Args:
        image: in any units, which are those of the estimate; the estimate is 0 for a side below 2 pixels.

    Source: Donoho & Johnstone 1994; scikit-image's `estimate_sigma`.

    Example:
        >>> import torch
        >>> noise = 0.1 * torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> round(estimate_noise_level(noise), 2)
        0.1
    """
    from skimage.restoration import estimate_sigma

    planes = image.double().cpu().numpy()
    return float(estimate_sigma(planes, channel_axis=0, average_sigmas=True)) if min(image.shape[1:]) > 1 else 0.0
