"""Linear light: what a sensor adds up, against the gamma-coded values of image files."""

from jaxtyping import Float
from torch import Tensor

GAMMA = 2.2
"""γ of the power law by which files are commonly taken to be coded."""


def to_linear(image: Float[Tensor, "..."], gamma: float = GAMMA) -> Float[Tensor, "..."]:
    """Gamma-coded values in [0, 1] to linear light, x^γ. Exposures, and so blurs, are sums of linear light.

    Example:
        >>> import torch
        >>> round(to_linear(torch.tensor(0.5)).item(), 4)
        0.2176
    """
    return image.clamp(min=0) ** gamma


def from_linear(light: Float[Tensor, "..."], gamma: float = GAMMA) -> Float[Tensor, "..."]:
    """Linear light to gamma-coded values, x^(1/γ), clipped to [0, 1] as a sensor and a file are.

    Example:
        >>> import torch
        >>> from_linear(torch.tensor([-0.1, 0.25, 1.5]), 2.0).tolist()
        [0.0, 0.5, 1.0]
    """
    return light.clamp(0, 1) ** (1 / gamma)


def mean_of_frames(
    frames: Float[Tensor, "frame channel height width"], gamma: float = GAMMA
) -> Float[Tensor, "channel height width"]:
    """The image that one long exposure over consecutive frames gives: (mean x_t^γ)^(1/γ).

    Args:
        frames: gamma-coded, in [0, 1]; an odd number has a middle frame, which is the sharp image of the pair.
        gamma: γ; with 1 the coded values themselves are averaged, as in the folder `blur` of the GoPro data.

    Source: Nah, Kim, Lee 2017, eq. 1 and 2.
    """
    return from_linear(to_linear(frames, gamma).mean(0), gamma)
