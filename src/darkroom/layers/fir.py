"""Resampling by two with a small low-pass filter, as depthwise convolutions."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

Images = Float[Tensor, "batch channel height width"]

Resampled = Float[Tensor, "batch channel new_height new_width"]

TAPS = (1.0, 3.0, 3.0, 1.0)
"""The filter along each axis, to be divided by its sum."""


def fir_down(x: Images) -> Resampled:
    """Filter with [1 3 3 1]/8 along both axes and keep every second pixel; zeros lie outside the image.

    Both in one depthwise convolution of stride 2.

    Source: Zhang 2019 (antialiased downsampling); Karras et al. 2020 (StyleGAN2), whose `downsample_2d` it equals.

    Example:
        >>> fir_down(torch.ones(1, 1, 6, 6))[0, 0, 1].tolist()
        [0.875, 1.0, 0.875]
    """
    channels = x.shape[1]
    return nn.functional.conv2d(x, _kernel(x, 1.0), stride=2, padding=1, groups=channels)


def fir_up(x: Images) -> Resampled:
    """Put zeros between pixels and filter with [1 3 3 1]/4 along both axes; four times the transpose of `fir_down`.

    A pixel of the result is 3/4 of the nearer pixel and 1/4 of the farther one, along each axis.

    Example:
        >>> fir_up(torch.tensor([[[[4.0, 8.0]]]]))[0, 0, 0].tolist()
        [2.25, 3.75, 5.25, 4.5]
    """
    channels = x.shape[1]
    return nn.functional.conv_transpose2d(x, _kernel(x, 4.0), stride=2, padding=1, groups=channels)


def fir_filter(x: Images) -> Resampled:
    """Filter with [1 3 3 1]/8 along both axes at the full resolution; the result has one pixel more along each axis."""
    return nn.functional.conv2d(x, _kernel(x, 1.0), padding=2, groups=x.shape[1])


def _kernel(x: Tensor, gain: float) -> Tensor:
    """The separable filter of every channel, `(channel, 1, 4, 4)`."""
    taps = torch.tensor(TAPS, dtype=x.dtype, device=x.device)
    taps = taps / sum(TAPS)
    return (gain * torch.outer(taps, taps)).repeat(x.shape[1], 1, 1, 1)
