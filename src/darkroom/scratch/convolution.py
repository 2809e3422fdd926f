"""Convolution and transposed convolution as matrix products with unfolded images."""

import math

import torch
from torch import Tensor
from torch.nn.functional import fold, unfold

from darkroom.scratch.module import FrameworkError, Module, check_gradient, check_images, pair

Size = int | tuple[int, int]


class Conv2d(Module):
    """y = W ⋆ x + b; arguments, shapes and initialisation as in `torch.nn.Conv2d`.

    With U(x) the matrix whose columns are the patches of x (`unfold`), y = W U(x) + b. So ∂ℓ/∂W = Σ g U(x)ᵀ over the
    batch, ∂ℓ/∂b = Σ g, and ∂ℓ/∂x = Uᵀ(Wᵀ g), where Uᵀ is `fold`.

    Args:
        in_channels, out_channels: C and O; the weight has the shape `(O, C, height, width)`.
        kernel_size, stride, padding, dilation: one number, or (height, width).
        bias: add b.
        needs_input_grad: compute ∂ℓ/∂x; if False, `backward` returns an empty tensor, which saves time in a first layer.
        dtype, device: of the parameters.

    Raises:
        FrameworkError: the kernel is larger than the padded image.

    Example:
        >>> x = torch.rand(2, 3, 8, 10)
        >>> convolution = Conv2d(3, 4, 3, stride=2, padding=1)
        >>> y = convolution(x)
        >>> tuple(y.shape), tuple(convolution.backward(y).shape)
        ((2, 4, 4, 5), (2, 3, 8, 10))
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
        needs_input_grad: bool = True,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.channels, self.needs_input_grad = in_channels, needs_input_grad
        self.kernel, self.stride, self.padding, self.dilation = map(pair, (kernel_size, stride, padding, dilation))
        shape = (out_channels, in_channels, *self.kernel)
        self.weight, self.weight_gradient = _initialised(shape, shape, dtype, device)
        self.bias: Tensor | None = None
        self.bias_gradient: Tensor | None = None
        if bias:
            self.bias, self.bias_gradient = _initialised((out_channels,), shape, dtype, device)
        self.columns: Tensor | None = None
        self.input_shape: tuple[int, ...] = ()
        self.output_shape: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        x = check_images(self, inputs[0], self.channels)
        size = [
            _output_length(*axis)
            for axis in zip(x.shape[2:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        ]
        if min(size) < 1:
            raise FrameworkError(
                f"Conv2d with a kernel of {self.kernel} and padding {self.padding} does not fit into an image of "
                f"{tuple(x.shape[2:])}"
            )
        self.columns = unfold(x, self.kernel, self.dilation, self.padding, self.stride)
        self.input_shape, self.output_shape = tuple(x.shape), (len(x), len(self.weight), *size)
        y = self.weight.flatten(1) @ self.columns
        if self.bias is not None:
            y += self.bias.view(-1, 1)
        return y.view(self.output_shape)

    def backward(self, *gradients: Tensor) -> Tensor:
        g = check_gradient(self, gradients[0], self.output_shape).flatten(2)
        assert self.columns is not None
        self.weight_gradient += (g @ self.columns.transpose(1, 2)).sum(0).view(self.weight.shape)
        if self.bias_gradient is not None:
            self.bias_gradient += g.sum((0, 2))
        if not self.needs_input_grad:
            return g.new_empty(0)
        columns = self.weight.flatten(1).t() @ g
        return fold(columns, self.input_shape[2:], self.kernel, self.dilation, self.padding, self.stride)

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return _parameters(self)


class TransposeConv2d(Module):
    """y = Wᵀ ⋆ x + b; arguments, shapes and initialisation as in `torch.nn.ConvTranspose2d`.

    Its forward pass is the backward pass of `Conv2d`: y = Uᵀ(Wᵀ x) + b. So ∂ℓ/∂x = W U(g) and ∂ℓ/∂W = Σ x U(g)ᵀ over the
    batch; g is unfolded once for both.

    Args:
        in_channels, out_channels: C and O; the weight has the shape `(C, O, height, width)`.
        kernel_size, stride, padding, output_padding, dilation: one number, or (height, width).
        bias: add b.
        dtype, device: of the parameters.

    Raises:
        FrameworkError: the output padding is not smaller than the stride, or the output would be empty.
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
        self.output_padding = pair(output_padding)
        if any(extra >= step for extra, step in zip(self.output_padding, self.stride, strict=True)):
            raise FrameworkError(
                f"TransposeConv2d takes an output padding below its stride {self.stride}, given {self.output_padding}"
            )
        shape = (in_channels, out_channels, *self.kernel)
        self.weight, self.weight_gradient = _initialised(shape, shape, dtype, device)
        self.bias: Tensor | None = None
        self.bias_gradient: Tensor | None = None
        if bias:
            self.bias, self.bias_gradient = _initialised((out_channels,), shape, dtype, device)
        self.x: Tensor | None = None
        self.output_shape: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        x = check_images(self, inputs[0], self.channels)
        size = tuple(
            (length - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
            for length, kernel, stride, padding, dilation, extra in zip(
                x.shape[2:], self.kernel, self.stride, self.padding, self.dilation, self.output_padding, strict=True
            )
        )
        if min(size) < 1:
            raise FrameworkError(
                f"TransposeConv2d with padding {self.padding} has an empty output for an image of {tuple(x.shape[2:])}"
            )
        self.x, self.output_shape = x, (len(x), self.weight.shape[1], *size)
        columns = self.weight.flatten(1).t() @ x.flatten(2)
        y = fold(columns, size, self.kernel, self.dilation, self.padding, self.stride)
        return y + self.bias.view(-1, 1, 1) if self.bias is not None else y

    def backward(self, *gradients: Tensor) -> Tensor:
        g = check_gradient(self, gradients[0], self.output_shape)
        assert self.x is not None
        columns = unfold(g, self.kernel, self.dilation, self.padding, self.stride)
        self.weight_gradient += (self.x.flatten(2) @ columns.transpose(1, 2)).sum(0).view(self.weight.shape)
        if self.bias_gradient is not None:
            self.bias_gradient += g.sum((0, 2, 3))
        return (self.weight.flatten(1) @ columns).view(self.x.shape)

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return _parameters(self)


def _output_length(length: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Output size of a convolution along one axis."""
    return (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _initialised(
    shape: tuple[int, ...], weight: tuple[int, ...], dtype: torch.dtype | None, device: torch.device | None
) -> tuple[Tensor, Tensor]:
    """A parameter uniform in ±1/√n, n being the fan-in of a weight of shape `weight`; and its gradient, zero."""
    bound = 1 / math.sqrt(math.prod(weight[1:]))
    parameter = torch.empty(shape, dtype=dtype, device=device).uniform_(-bound, bound)
    return parameter, torch.empty(shape, dtype=dtype, device=device).zero_()


def _parameters(module: Conv2d | TransposeConv2d) -> list[tuple[Tensor, Tensor]]:
    parameters = [(module.weight, module.weight_gradient)]
    if module.bias is not None and module.bias_gradient is not None:
        parameters.append((module.bias, module.bias_gradient))
    return parameters
