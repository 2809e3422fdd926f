"""A neural-network framework without autograd: every module knows its own derivative.

Written by `generate.py` from `darkroom/scratch`; change it there.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import fold, unfold


# What every module is, and modules one after another and beside each other.


class Misfit(ValueError):
    """Something was given to a module that does not fit it: one line, with the module, what was given and what is wanted."""


class Module:
    """A function that knows its derivative.

    `forward` keeps what `backward` needs. `backward` takes ∂ℓ/∂output and returns ∂ℓ/∂input; gradients of parameters are
    added to what is there already, until an optimizer clears them.
    """

    def forward(self, *inputs: Tensor) -> Tensor:
        """The output."""
        raise NotImplementedError

    def backward(self, *gradients: Tensor) -> Tensor:
        """The gradient with respect to the (first) input, from the gradient with respect to the output."""
        raise NotImplementedError

    def param(self) -> list[tuple[Tensor, Tensor]]:
        """Parameters with their gradients, in a fixed order; empty where there are none."""
        return []

    def __call__(self, *inputs: Tensor) -> Tensor:
        return self.forward(*inputs)


class Sequential(Module):
    """f = fₙ ∘ … ∘ f₁, with the chain rule.

    Args:
        modules: f₁ … fₙ.
    """

    def __init__(self, *modules: Module) -> None:
        self.modules = modules

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        for module in self.modules:
            x = module.forward(x)
        return x

    def backward(self, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        for module in reversed(self.modules):
            gradient = module.backward(gradient)
        return gradient

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return [pair for module in self.modules for pair in module.param()]


class Residual(Module):
    """x + f(x).

    Args:
        module: f, whose answer has the shape of its input.
    """

    def __init__(self, module: Module) -> None:
        self.module = module

    def forward(self, *inputs: Tensor) -> Tensor:
        answer = self.module.forward(inputs[0])
        if answer.shape != inputs[0].shape:
            raise Misfit(f"Residual takes a module that keeps the shape {tuple(inputs[0].shape)}, given {tuple(answer.shape)}")
        return inputs[0] + answer

    def backward(self, *gradients: Tensor) -> Tensor:
        return gradients[0] + self.module.backward(gradients[0])

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return self.module.param()


class Skip(Module):
    """x with f(x) behind it: (x, f(x)), channels first of the one and then of the other.

    Args:
        module: f, whose answer has the height and width of its input.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self.channels = 0
        self.answered: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        x = pictures(self, inputs[0])
        answer = self.module.forward(x)
        if answer.shape[2:] != x.shape[2:]:
            raise Misfit(f"Skip takes a module that keeps height and width of {tuple(x.shape)}, given {tuple(answer.shape)}")
        both = torch.cat((x, answer), 1)
        self.channels, self.answered = x.shape[1], tuple(both.shape)
        return both

    def backward(self, *gradients: Tensor) -> Tensor:
        g = gradient_of(self, gradients[0], self.answered)
        return g[:, : self.channels] + self.module.backward(g[:, self.channels :])

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return self.module.param()


def pictures(module: Module, x: Tensor, channels: int | None = None) -> Tensor:
    """The batch itself, if it is one of pictures `(batch, channel, height, width)` and not empty.

    Raises:
        Misfit: it is not, or it has other channels than the module wants.
    """
    name, wanted = type(module).__name__, f"(batch, {channels if channels is not None else 'channels'}, height, width)"
    if x.ndim != 4 or (channels is not None and x.shape[1] != channels):
        raise Misfit(f"{name} takes {wanted}, given {tuple(x.shape)}")
    if not x.numel():
        raise Misfit(f"{name} takes at least one picture with at least one pixel, given {tuple(x.shape)}")
    return x


def gradient_of(module: Module, gradient: Tensor, wanted: tuple[int, ...] | None) -> Tensor:
    """The gradient itself, if it has the shape of the output of the last `forward`.

    Raises:
        Misfit: there was no `forward` yet, or the shape is another.
    """
    name = type(module).__name__
    if wanted is None:
        raise Misfit(f"{name}.backward was called before {name}.forward")
    if tuple(gradient.shape) != tuple(wanted):
        raise Misfit(f"{name}.backward takes a gradient of its output's shape {tuple(wanted)}, given {tuple(gradient.shape)}")
    return gradient


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """A number for both axes, or a number for each (height, width)."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


# Functions of one number, applied to each.


class ReLU(Module):
    """max(0, x); its derivative at 0 is taken as 0."""

    def __init__(self) -> None:
        self.positive: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.positive = inputs[0] > 0
        return inputs[0] * self.positive

    def backward(self, *gradients: Tensor) -> Tensor:
        g = gradient_of(self, gradients[0], self.positive.shape if self.positive is not None else None)
        assert self.positive is not None
        return g * self.positive


class LeakyReLU(Module):
    """x where it is positive, a x elsewhere.

    Args:
        negative_slope: a.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.slope = negative_slope
        self.positive: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.positive = inputs[0] > 0
        return inputs[0].where(self.positive, self.slope * inputs[0])

    def backward(self, *gradients: Tensor) -> Tensor:
        g = gradient_of(self, gradients[0], self.positive.shape if self.positive is not None else None)
        assert self.positive is not None
        return g.where(self.positive, self.slope * g)


class Sigmoid(Module):
    """σ(x) = 1 / (1 + e⁻ˣ); σ' = σ (1 − σ)."""

    def __init__(self) -> None:
        self.answer: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.answer = inputs[0].sigmoid()
        return self.answer

    def backward(self, *gradients: Tensor) -> Tensor:
        g = gradient_of(self, gradients[0], self.answer.shape if self.answer is not None else None)
        assert self.answer is not None
        return g * self.answer * (1 - self.answer)


# How far an answer is from what was wanted: where `backward` begins.


class MSE(Module):
    """mean (prediction − target)²."""

    def __init__(self) -> None:
        self.difference: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.difference = _difference(self, *inputs)
        return self.difference.square().mean()

    def backward(self, *gradients: Tensor) -> Tensor:
        """∂ℓ/∂prediction; of the loss itself if no gradient is given."""
        factor = _scalar(self, gradients, self.difference)
        assert self.difference is not None
        return factor * 2 / self.difference.numel() * self.difference


class L1(Module):
    """mean |prediction − target|; its derivative at 0 is taken as 0."""

    def __init__(self) -> None:
        self.difference: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.difference = _difference(self, *inputs)
        return self.difference.abs().mean()

    def backward(self, *gradients: Tensor) -> Tensor:
        """∂ℓ/∂prediction; of the loss itself if no gradient is given."""
        factor = _scalar(self, gradients, self.difference)
        assert self.difference is not None
        return factor / self.difference.numel() * self.difference.sign()


def _difference(module: Module, prediction: Tensor, target: Tensor) -> Tensor:
    name = type(module).__name__
    if prediction.shape != target.shape:
        raise Misfit(f"{name} takes two tensors of one shape, given {tuple(prediction.shape)} and {tuple(target.shape)}")
    if not prediction.numel():
        raise Misfit(f"{name} takes at least one number, given {tuple(prediction.shape)}")
    return prediction - target


def _scalar(module: Module, gradients: tuple[Tensor, ...], difference: Tensor | None) -> Tensor | float:
    if gradients:
        return gradient_of(module, gradients[0], () if difference is not None else None)
    if difference is None:
        name = type(module).__name__
        raise Misfit(f"{name}.backward was called before {name}.forward")
    return 1.0


# Convolutions and their transposes, as products with unfolded pictures.


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
        Misfit: the kernel does not fit into the picture.
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
        x = pictures(self, inputs[0], self.channels)
        size = [
            _reach(*along) for along in zip(x.shape[2:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        ]
        if min(size) < 1:
            raise Misfit(f"Conv2d with a kernel of {self.kernel} finds no place in a picture of {tuple(x.shape[2:])}")
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
        x = pictures(self, inputs[0], self.channels)
        size = tuple(
            (length - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1
            for length, kernel, stride, padding, dilation, more in zip(
                x.shape[2:], self.kernel, self.stride, self.padding, self.dilation, self.more, strict=True
            )
        )
        if min(size) < 1:
            raise Misfit(
                f"TransposeConv2d with a padding of {self.padding} leaves nothing of a picture of {tuple(x.shape[2:])}"
            )
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


# Enlargement by repeating pixels, alone and with a convolution behind it.


PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Parities of row and column of a picture enlarged twice."""


class NearestUpsampling(Module):
    """Every pixel becomes a block of `scale_factor`; backwards, every block is added up.

    Args:
        scale_factor: one whole number, or (height, width).
    """

    def __init__(self, scale_factor: Size = 2) -> None:
        self.factor = pair(scale_factor)
        self.answered: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        x = pictures(self, inputs[0])
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

    Enlarged twice and convolved with 3×3, every other pixel sees the same: a 2×2 piece of the small picture, in one of
    four ways by the parity of its row and column. So in the common case (factor 2, kernel 3, padding 1) four small
    convolutions take the place of one large one, on a quarter of the pixels: with rows w₀, w₁, w₂ of the kernel, even
    rows of the answer are (w₀, w₁ + w₂) over rows i − 1 and i of the picture, odd ones (w₀ + w₁, w₂) over i and i + 1;
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
        x = pictures(self, inputs[0], self.convolution.channels)
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


# Rules that move parameters along their gradients; what they do is what `torch.optim` does.


class Optimizer:
    """What all rules share: parameters with their gradients."""

    params: list[tuple[Tensor, Tensor]]

    def step(self) -> None:
        """Move every parameter once."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Clear every gradient."""
        for _, gradient in self.params:
            gradient.zero_()


class SGD(Optimizer):
    """Gradient descent: g ← g + λ θ, v ← μ v + g, θ ← θ − η v; Nesterov's form moves along g + μ v.

    Args:
        params: what `Module.param` returns.
        lr: η.
        momentum: μ.
        nesterov: take Nesterov's form.
        weight_decay: λ.

    Raises:
        Misfit: Nesterov's form is asked for without a momentum.
    """

    def __init__(
        self,
        params: list[tuple[Tensor, Tensor]],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        if nesterov and not momentum:
            raise Misfit("SGD takes a momentum above 0 where nesterov is asked for, given 0")
        self.params, self.lr, self.momentum, self.nesterov, self.decay = params, lr, momentum, nesterov, weight_decay
        self.velocity = [gradient.clone().zero_() for _, gradient in params]

    def step(self) -> None:
        for (parameter, gradient), velocity in zip(self.params, self.velocity, strict=True):
            g = gradient + self.decay * parameter if self.decay else gradient
            if self.momentum:
                velocity.mul_(self.momentum).add_(g)
                g = g + self.momentum * velocity if self.nesterov else velocity
            parameter.sub_(g, alpha=self.lr)


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1): m and v are running means of g and g², θ ← θ − η m̂ / (√v̂ + ε).

    Args:
        params: what `Module.param` returns.
        lr: η.
        betas: decay of m and of v.
        eps: ε.
        weight_decay: λ, g ← g + λ θ.
    """

    def __init__(
        self,
        params: list[tuple[Tensor, Tensor]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.params, self.lr, self.betas, self.eps, self.decay = params, lr, betas, eps, weight_decay
        self.means = [(gradient.clone().zero_(), gradient.clone().zero_()) for _, gradient in params]
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        first, second = self.betas
        for (parameter, gradient), (mean, square) in zip(self.params, self.means, strict=True):
            g = gradient + self.decay * parameter if self.decay else gradient
            mean.mul_(first).add_(g, alpha=1 - first)
            square.mul_(second).addcmul_(g, g, value=1 - second)
            root = (square / (1 - second**self.steps)).sqrt_().add_(self.eps)
            parameter.addcdiv_(mean, root, value=-self.lr / (1 - first**self.steps))
