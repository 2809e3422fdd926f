"""Nearest-neighbour upsampling, alone and followed by a convolution."""

import torch
from torch import Tensor
from torch.nn.functional import fold, unfold

from darkroom.scratch.convolution import Conv2d, Size
from darkroom.scratch.module import Module, check_gradient, check_images, pair

PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Parities of the row and the column of a pixel of an image upsampled by 2."""


class NearestUpsampling(Module):
    """Nearest-neighbour upsampling: every pixel becomes a block; `backward` sums over blocks.

    Args:
        scale_factor: a whole number, or (height, width).

    Example:
        >>> NearestUpsampling(2)(torch.tensor([[[[1.0, 2.0]]]]))
        tensor([[[[1., 1., 2., 2.],
                  [1., 1., 2., 2.]]]])
    """

    def __init__(self, scale_factor: Size = 2) -> None:
        self.factor = pair(scale_factor)
        self.output_shape: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        x = check_images(self, inputs[0])
        n, c, height, width = x.shape
        down, right = self.factor
        self.output_shape = (n, c, height * down, width * right)
        return x[:, :, :, None, :, None].expand(n, c, height, down, width, right).reshape(self.output_shape)

    def backward(self, *gradients: Tensor) -> Tensor:
        g = check_gradient(self, gradients[0], self.output_shape)
        down, right = self.factor
        columns = sum((g[..., offset::right] for offset in range(1, right)), start=g[..., ::right])
        return sum((columns[:, :, offset::down] for offset in range(1, down)), start=columns[:, :, ::down])


class Upsampling(Module):
    """Nearest-neighbour upsampling followed by a convolution, an alternative to `TransposeConv2d` without checkerboard artifacts.

    For factor 2, kernel 3 and padding 1 it is computed in polyphase form. An output pixel depends on a 2×2 patch of the
    input, in one of four ways according to the parities of its row and column. So four 2×2 convolutions of the input replace
    one 3×3 convolution of the upsampled image, which has four times the pixels. With rows w₀, w₁, w₂ of the kernel, even
    rows of the output are (w₀, w₁ + w₂) applied to rows i − 1 and i of the input, odd rows (w₀ + w₁, w₂) applied to rows i
    and i + 1; the same holds for columns.

    Args:
        in_channels, out_channels, kernel_size, padding, bias, dtype, device: of the convolution.
        scale_factor: of the upsampling.

    Example:
        >>> tuple(Upsampling(3, 8)(torch.rand(1, 3, 5, 6)).shape)
        (1, 8, 10, 12)
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
        self.convolution = Conv2d(in_channels, out_channels, kernel_size, 1, padding, 1, bias, dtype=dtype, device=device)
        self.upsampling = NearestUpsampling(scale_factor)
        self.polyphase = (pair(kernel_size), pair(padding), pair(scale_factor)) == ((3, 3), (1, 1), (2, 2))
        self.columns: Tensor | None = None
        self.kernels: Tensor | None = None
        self.input_shape: tuple[int, ...] = ()
        self.output_shape: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        if not self.polyphase:
            return self.convolution.forward(self.upsampling.forward(inputs[0]))
        x = check_images(self, inputs[0], self.convolution.channels)
        n, _, height, width = self.input_shape = tuple(x.shape)
        out = len(self.convolution.weight)
        self.columns, self.output_shape = unfold(x, 2, padding=1), (n, out, 2 * height, 2 * width)
        self.kernels = _polyphase(self.convolution.weight)
        phases = (self.kernels @ self.columns).view(n, 2, 2, out, height + 1, width + 1)
        y = x.new_empty(self.output_shape)
        for down, right in PHASES:
            y[:, :, down::2, right::2] = phases[:, down, right, :, down : down + height, right : right + width]
        if self.convolution.bias is not None:
            y += self.convolution.bias.view(-1, 1, 1)
        return y

    def backward(self, *gradients: Tensor) -> Tensor:
        if not self.polyphase:
            return self.upsampling.backward(self.convolution.backward(gradients[0]))
        g = check_gradient(self, gradients[0], self.output_shape)
        assert self.columns is not None
        assert self.kernels is not None
        n, _, height, width = self.input_shape
        out = len(self.convolution.weight)
        phases = g.new_zeros((n, 2, 2, out, height + 1, width + 1))
        for down, right in PHASES:
            phases[:, down, right, :, down : down + height, right : right + width] = g[:, :, down::2, right::2]
        flat = phases.view(n, 4 * out, -1)
        kernel_gradient = (flat @ self.columns.transpose(1, 2)).sum(0)
        self.convolution.weight_gradient += _polyphase_adjoint(kernel_gradient, self.convolution.weight)
        if self.convolution.bias_gradient is not None:
            self.convolution.bias_gradient += g.sum((0, 2, 3))
        return fold(self.kernels.t() @ flat, self.input_shape[2:], 2, padding=1)

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return self.convolution.param()


def _polyphase(weight: Tensor) -> Tensor:
    """The four 2×2 kernels of a 3×3 kernel: `(O, C, 3, 3)` to `(4 O, 4 C)`, phases first."""
    rows = [(weight[:, :, 0], weight[:, :, 1] + weight[:, :, 2]), (weight[:, :, 0] + weight[:, :, 1], weight[:, :, 2])]
    out, channels = weight.shape[:2]
    kernels = weight.new_empty((2, 2, out, channels, 2, 2))
    for down, pieces in enumerate(rows):
        for row, w in enumerate(pieces):
            kernels[down, 0, :, :, row, 0], kernels[down, 0, :, :, row, 1] = w[..., 0], w[..., 1] + w[..., 2]
            kernels[down, 1, :, :, row, 0], kernels[down, 1, :, :, row, 1] = w[..., 0] + w[..., 1], w[..., 2]
    return kernels.view(4 * out, 4 * channels)


def _polyphase_adjoint(gradient: Tensor, weight: Tensor) -> Tensor:
    """The adjoint of `_polyphase`: the gradient of a 3×3 kernel from that of its four 2×2 kernels."""
    out, channels = weight.shape[:2]
    kernels = gradient.view(2, 2, out, channels, 2, 2)
    rows = kernels.new_empty((2, out, channels, 2, 3))  # adjoint with respect to columns
    rows[..., 0] = kernels[:, 0, ..., 0] + kernels[:, 1, ..., 0]
    rows[..., 1] = kernels[:, 0, ..., 1] + kernels[:, 1, ..., 0]
    rows[..., 2] = kernels[:, 0, ..., 1] + kernels[:, 1, ..., 1]
    weight_gradient = kernels.new_empty(tuple(weight.shape))
    weight_gradient[:, :, 0] = rows[0, :, :, 0] + rows[1, :, :, 0]
    weight_gradient[:, :, 1] = rows[0, :, :, 1] + rows[1, :, :, 0]
    weight_gradient[:, :, 2] = rows[0, :, :, 1] + rows[1, :, :, 1]
    return weight_gradient
