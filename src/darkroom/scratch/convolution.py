"""Convolutions and their transposes, as products with unfolded images."""

import math

import torch
from torch import Tensor
from torch.nn.functional import fold, unfold

from darkroom.scratch.module import Misfit, Module, gradient_of, images, pair

Size = int | tuple[int, int]


class Conv2d(Module):
    """y = W ⋆ x + b; arguments, shapes and initialisation are those of `torch.nn.Conv2d`.

    With U(x) the matrix whose columns are the patches of x (`unfold`), y = W U(x) + b. So ∂ℓ/∂W = Σ g U(x)ᵀ over the
    batch, ∂ℓ/∂b = Σ g, and ∂ℓ/∂x = Uᵀ(Wᵀ g), Uᵀ being `fold`.

    Args:
        in_channels, out_channels: C and O; the weight is `(O, C, height, width)`.
        kernel_size, stride, padding, dilation: one number, or (height, width).
        bias: whether there is b.
        first: of a network, so that nobody wants ∂ℓ/∂x: `backward` then returns an empty tensor.
        dtype, device: of the parameters.

    Raises:
        Misfit: the kernel does not fit into the image.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        bias: bool = True,
        *,
        first: bool = False,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.channels, self.first = in_channels, first
        self.kernel, self.stride, self.padding, self.dilation = map(pair, (kernel_size, stride, padding, dilation))
        shape = (out_channels, in_channels, *self.kernel)
        self.weight, self.weight_gradient = _drawn(shape, shape, dtype, device)
        self.bias: Tensor | None = None
        self.bias_gradient: Tensor | None = None
        if bias:
            self.bias, self.bias_gradient = _drawn((out_channels,), shape, dtype, device)
        self.columns: Tensor | None = None
        self.seen: tuple[int, ...] = ()
        self.answered: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        x = images(self, inputs[0], self.channels)
        size = [
            _reach(*along) for along in zip(x.shape[2:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        ]
        if min(size) < 1:
            raise Misfit(f"Conv2d with a kernel of {self.kernel} finds no place in an image of {tuple(x.shape[2:])}")
        self.columns = unfold(x, self.kernel, self.dilation, self.padding, self.stride)
        self.seen, self.answered = tuple(x.shape), (len(x), len(self.weight), *size)
        y = self.weight.flatten(1) @ self.columns
        if self.bias is not None:
            y += self.bias.view(-1, 1)
        return y.view(self.answered)

    def backward(self, *gradients: Tensor) -> Tensor:
        g = gradient_of(self, gradients[0], self.answered).flatten(2)
        assert self.columns is not None
        self.weight_gradient += (g @ self.columns.transpose(1, 2)).sum(0).view(self.weight.shape)
        if self.bias_gradient is not None:
            self.bias_gradient += g.sum((0, 2))
        if self.first:
            return g.new_empty(0)
        columns = self.weight.flatten(1).t() @ g
        return fold(columns, self.seen[2:], self.kernel, self.dilation, self.padding, self.stride)

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return _parameters(self)


class TransposeConv2d(Module):
    """y = Wᵀ ⋆ x + b; arguments, shapes and initialisation are those of `torch.nn.ConvTranspose2d`.

    What `Conv2d` does backwards is done forwards here: y = Uᵀ(Wᵀ x) + b. So ∂ℓ/∂x = W U(g), ∂ℓ/∂W = Σ x U(g)ᵀ over
    the batch, with one unfolding of g for both.

    Args:
        in_channels, out_channels: C and O; the weight is `(C, O, height, width)`.
        kernel_size, stride, padding, output_padding, dilation: one number, or (height, width).
        bias: whether there is b.
        dtype, device: of the parameters.

    Raises:
        Misfit: the output padding is not below the stride, or nothing would be left of the output.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        bias: bool = True,
        dilation: Size = 1,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.channels = in_channels
        self.kernel, self.stride, self.padding, self.dilation = map(pair, (kernel_size, stride, padding, dilation))
        self.more = pair(output_padding)
        if any(more >= step for more, step in zip(self.more, self.stride, strict=True)):
            raise Misfit(f"TransposeConv2d takes an output padding below its stride {self.stride}, given {self.more}")
        shape = (in_channels, out_channels, *self.kernel)
        self.weight, self.weight_gradient = _drawn(shape, shape, dtype, device)
        self.bias: Tensor | None = None
        self.bias_gradient: Tensor | None = None
        if bias:
            self.bias, self.bias_gradient = _drawn((out_channels,), shape, dtype, device)
        self.x: Tensor | None = None
        self.answered: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        x = images(self, inputs[0], self.channels)
        size = tuple(
            (length - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1
            for length, kernel, stride, padding, dilation, more in zip(
                x.shape[2:], self.kernel, self.stride, self.padding, self.dilation, self.more, strict=True
            )
        )
        if min(size) < 1:
            raise Misfit(f"TransposeConv2d with a padding of {self.padding} leaves nothing of an image of {tuple(x.shape[2:])}")
        self.x, self.answered = x, (len(x), self.weight.shape[1], *size)
        columns = self.weight.flatten(1).t() @ x.flatten(2)
        y = fold(columns, size, self.kernel, self.dilation, self.padding, self.stride)
        return y + self.bias.view(-1, 1, 1) if self.bias is not None else y

    def backward(self, *gradients: Tensor) -> Tensor:
        g = gradient_of(self, gradients[0], self.answered)
        assert self.x is not None
        columns = unfold(g, self.kernel, self.dilation, self.padding, self.stride)
        self.weight_gradient += (self.x.flatten(2) @ columns.transpose(1, 2)).sum(0).view(self.weight.shape)
        if self.bias_gradient is not None:
            self.bias_gradient += g.sum((0, 2, 3))
        return (self.weight.flatten(1) @ columns).view(self.x.shape)

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return _parameters(self)


def _reach(length: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """How many places a kernel finds along an axis."""
    return (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _drawn(
    shape: tuple[int, ...], weight: tuple[int, ...], dtype: torch.dtype | None, device: torch.device | None
) -> tuple[Tensor, Tensor]:
    """A parameter drawn from ±1/√(fan in), the fan being all but the first axis of the weight; and its gradient, zero."""
    bound = 1 / math.sqrt(math.prod(weight[1:]))
    parameter = torch.empty(shape, dtype=dtype, device=device).uniform_(-bound, bound)
    return parameter, torch.empty(shape, dtype=dtype, device=device).zero_()


def _parameters(module: Conv2d | TransposeConv2d) -> list[tuple[Tensor, Tensor]]:
    pairs = [(module.weight, module.weight_gradient)]
    if module.bias is not None and module.bias_gradient is not None:
        pairs.append((module.bias, module.bias_gradient))
    return pairs
