"""Enlargement by repeating pixels, alone and with a convolution behind it."""

import torch
from torch import Tensor

from darkroom.scratch.convolution import Conv2d, Size
from darkroom.scratch.module import Module, Sequential, gradient_of, pair, pictures


class NearestUpsampling(Module):
    """Every pixel becomes a block of `scale_factor`; backwards, every block is added up.

    Args:
        scale_factor: one whole number, or (height, width).
    """

    def __init__(self, scale_factor: Size = 2) -> None:
        self.factor = pair(scale_factor)
        self.answered: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        n, c, height, width = pictures(self, inputs[0]).shape
        down, right = self.factor
        self.answered = (n, c, height * down, width * right)
        blocks = inputs[0].view(n, c, height, 1, width, 1) if inputs[0].is_contiguous() else inputs[0][:, :, :, None, :, None]
        return blocks.expand(n, c, height, down, width, right).reshape(self.answered)

    def backward(self, *gradients: Tensor) -> Tensor:
        g = gradient_of(self, gradients[0], self.answered)
        down, right = self.factor
        columns = sum((g[..., offset::right] for offset in range(1, right)), start=g[..., ::right])
        return sum((columns[:, :, offset::down] for offset in range(1, down)), start=columns[:, :, ::down])


class Upsampling(Sequential):
    """`NearestUpsampling`, then a `Conv2d`: what a transposed convolution is taken for, without its chequerboard.

    Args:
        in_channels, out_channels, kernel_size, padding, bias, dtype, device: of the convolution.
        scale_factor: of the enlargement.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size = 3,
        padding: Size = 1,
        scale_factor: Size = 2,
        bias: bool = True,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        convolution = Conv2d(in_channels, out_channels, kernel_size, 1, padding, 1, bias, dtype=dtype, device=device)
        super().__init__(NearestUpsampling(scale_factor), convolution)
