"""Enlargement by repeating pixels, alone and with a convolution behind it."""

import torch
from torch import Tensor
from torch.nn.functional import fold, unfold

from darkroom.scratch.convolution import Conv2d, Size
from darkroom.scratch.module import Module, gradient_of, images, pair

PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Parities of row and column of an image enlarged twice."""


class NearestUpsampling(Module):
    """Every pixel becomes a block of `scale_factor`; backwards, every block is added up.

    Args:
        scale_factor: one whole number, or (height, width).
    """

    def __init__(self, scale_factor: Size = 2) -> None:
        self.factor = pair(scale_factor)
        self.answered: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        x = images(self, inputs[0])
        n, c, height, width = x.shape
        down, right = self.factor
        self.answered = (n, c, height * down, width * right)
        return x[:, :, :, None, :, None].expand(n, c, height, down, width, right).reshape(self.answered)

    def backward(self, *gradients: Tensor) -> Tensor:
        g = gradient_of(self, gradients[0], self.answered)
        down, right = self.factor
        columns = sum((g[..., offset::right] for offset in range(1, right)), start=g[..., ::right])
        return sum((columns[:, :, offset::down] for offset in range(1, down)), start=columns[:, :, ::down])


class Upsampling(Module):
    """`NearestUpsampling`, then a `Conv2d`: what a transposed convolution is taken for, without its chequerboard.

    Enlarged twice and convolved with 3×3, every other pixel sees the same: a 2×2 piece of the small image, in one of
    four ways by the parity of its row and column. So in the common case (factor 2, kernel 3, padding 1) four small
    convolutions take the place of one large one, on a quarter of the pixels: with rows w₀, w₁, w₂ of the kernel, even
    rows of the answer are (w₀, w₁ + w₂) over rows i − 1 and i of the image, odd ones (w₀ + w₁, w₂) over i and i + 1;
    columns alike.

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
        self.convolution = Conv2d(in_channels, out_channels, kernel_size, 1, padding, 1, bias, dtype=dtype, device=device)
        self.enlargement = NearestUpsampling(scale_factor)
        self.by_phases = (pair(kernel_size), pair(padding), pair(scale_factor)) == ((3, 3), (1, 1), (2, 2))
        self.columns: Tensor | None = None
        self.kernels: Tensor | None = None
        self.seen: tuple[int, ...] = ()
        self.answered: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        if not self.by_phases:
            return self.convolution.forward(self.enlargement.forward(inputs[0]))
        x = images(self, inputs[0], self.convolution.channels)
        n, _, height, width = self.seen = tuple(x.shape)
        out = len(self.convolution.weight)
        self.columns, self.answered = unfold(x, 2, padding=1), (n, out, 2 * height, 2 * width)
        self.kernels = _phases(self.convolution.weight)
        every = (self.kernels @ self.columns).view(n, 2, 2, out, height + 1, width + 1)
        y = x.new_empty(self.answered)
        for down, right in PHASES:
            y[:, :, down::2, right::2] = every[:, down, right, :, down : down + height, right : right + width]
        if self.convolution.bias is not None:
            y += self.convolution.bias.view(-1, 1, 1)
        return y

    def backward(self, *gradients: Tensor) -> Tensor:
        if not self.by_phases:
            return self.enlargement.backward(self.convolution.backward(gradients[0]))
        g = gradient_of(self, gradients[0], self.answered)
        assert self.columns is not None
        assert self.kernels is not None
        n, _, height, width = self.seen
        out = len(self.convolution.weight)
        every = g.new_zeros((n, 2, 2, out, height + 1, width + 1))
        for down, right in PHASES:
            every[:, down, right, :, down : down + height, right : right + width] = g[:, :, down::2, right::2]
        flat = every.view(n, 4 * out, -1)
        self.convolution.weight_gradient += _phases_back((flat @ self.columns.transpose(1, 2)).sum(0), self.convolution.weight)
        if self.convolution.bias_gradient is not None:
            self.convolution.bias_gradient += g.sum((0, 2, 3))
        return fold(self.kernels.t() @ flat, self.seen[2:], 2, padding=1)

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return self.convolution.param()


def _phases(weight: Tensor) -> Tensor:
    """The four small kernels of a 3×3 one: `(O, C, 3, 3)` to `(4 O, 4 C)`, phases first."""
    rows = [(weight[:, :, 0], weight[:, :, 1] + weight[:, :, 2]), (weight[:, :, 0] + weight[:, :, 1], weight[:, :, 2])]
    out, channels = weight.shape[:2]
    small = weight.new_empty((2, 2, out, channels, 2, 2))
    for down, pieces in enumerate(rows):
        for row, w in enumerate(pieces):
            small[down, 0, :, :, row, 0], small[down, 0, :, :, row, 1] = w[..., 0], w[..., 1] + w[..., 2]
            small[down, 1, :, :, row, 0], small[down, 1, :, :, row, 1] = w[..., 0] + w[..., 1], w[..., 2]
    return small.view(4 * out, 4 * channels)


def _phases_back(gradient: Tensor, weight: Tensor) -> Tensor:
    """The transpose of `_phases`, for gradients."""
    out, channels = weight.shape[:2]
    small = gradient.view(2, 2, out, channels, 2, 2)
    across = small.new_empty((2, out, channels, 2, 3))  # phases of columns undone
    across[..., 0] = small[:, 0, ..., 0] + small[:, 1, ..., 0]
    across[..., 1] = small[:, 0, ..., 1] + small[:, 1, ..., 0]
    across[..., 2] = small[:, 0, ..., 1] + small[:, 1, ..., 1]
    back = small.new_empty(tuple(weight.shape))
    back[:, :, 0] = across[0, :, :, 0] + across[1, :, :, 0]
    back[:, :, 1] = across[0, :, :, 1] + across[1, :, :, 0]
    back[:, :, 2] = across[0, :, :, 1] + across[1, :, :, 1]
    return back
