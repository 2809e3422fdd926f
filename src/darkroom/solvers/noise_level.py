"""How noisy is a photograph? For networks that are told, where nobody tells."""

from jaxtyping import Float
from torch import Tensor


def noise_level(image: Float[Tensor, "channel height width"]) -> float:
    """The deviation of white Gaussian noise, from the median of the finest diagonal wavelet coefficients over 0.6745.

    Texture counts as noise, so that a clean image seems a little noisy; the mean of the channels.

    Args:
        image: at least 2 pixels a side, in any units; the answer is in the same.

    Source: Donoho & Johnstone 1994; scikit-image's `estimate_sigma`.
    """
    from skimage.restoration import estimate_sigma

    planes = image.double().cpu().numpy()
    return float(estimate_sigma(planes, channel_axis=0, average_sigmas=True)) if min(image.shape[1:]) > 1 else 0.0
