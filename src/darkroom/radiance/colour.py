"""The transfer function of sRGB: between the numbers in an image file and amounts of light."""

import torch
from jaxtyping import Float
from torch import Tensor


def to_linear(srgb: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Amounts of light in [0, 1] from the numbers in an image.

    Source: IEC 61966-2-1.

    Example:
        >>> import torch
        >>> [round(value, 4) for value in to_linear(torch.tensor([0.0, 0.02, 0.5, 1.0])).tolist()]
        [0.0, 0.0015, 0.214, 1.0]
    """
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The inverse of `to_linear`."""
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def over(layers: Float[Tensor, "*n 4"], background: Float[Tensor, "*#n 3"], *, linear: bool = False) -> Float[Tensor, "*n 3"]:
    """Colours over a background: of the numbers themselves, as the usual evaluation over white does it, or of the light.

    Args:
        layers: RGB times opacity, and opacity.
        background: in [0, 1].
        linear: composite amounts of light, as a camera does.

    Example:
        >>> import torch
        >>> half = torch.tensor([[0.5, 0.5, 0.5, 0.5]])  # white that covers half a pixel
        >>> [round(over(half, torch.zeros(1, 3), linear=linear)[0, 0].item(), 3) for linear in (False, True)]
        [0.5, 0.735]
    """
    opacity = layers[..., 3:]
    if not linear:
        return layers[..., :3] + (1 - opacity) * background
    colour = layers[..., :3] / opacity.clamp(min=1e-6)
    return to_srgb(opacity * to_linear(colour) + (1 - opacity) * to_linear(background))
