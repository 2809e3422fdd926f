"""The interface of modules, and containers of modules."""

import torch
from torch import Tensor


class FrameworkError(ValueError):
    """Invalid use of the framework: one line that names the module, the value given and the value expected."""


class Module:
    """A differentiable function with parameters.

    `forward` stores what `backward` needs. `backward` takes ∂ℓ/∂output and returns ∂ℓ/∂input. Gradients of parameters
    accumulate until `Optimizer.zero_grad`.
    """

    def forward(self, *inputs: Tensor) -> Tensor:
        """The output."""
        raise NotImplementedError

    def backward(self, *gradients: Tensor) -> Tensor:
        """∂ℓ/∂input of the first input, given ∂ℓ/∂output."""
        raise NotImplementedError

    def param(self) -> list[tuple[Tensor, Tensor]]:
        """Pairs (parameter, gradient) in a fixed order; empty for modules without parameters."""
        return []

    def __call__(self, *inputs: Tensor) -> Tensor:
        return self.forward(*inputs)


class Sequential(Module):
    """f = fₙ ∘ … ∘ f₁; `backward` applies the chain rule.

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
        return [parameter for module in self.modules for parameter in module.param()]


class Residual(Module):
    """A residual connection, x + f(x).

    Args:
        module: f; its output has the shape of its input.
    """

    def __init__(self, module: Module) -> None:
        self.module = module

    def forward(self, *inputs: Tensor) -> Tensor:
        residual = self.module.forward(inputs[0])
        if residual.shape != inputs[0].shape:
            raise FrameworkError(
                f"Residual takes a module that keeps the shape {tuple(inputs[0].shape)}, given {tuple(residual.shape)}"
            )
        return inputs[0] + residual

    def backward(self, *gradients: Tensor) -> Tensor:
        return gradients[0] + self.module.backward(gradients[0])

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return self.module.param()


class Skip(Module):
    """A skip connection by concatenation, (x, f(x)) along the channels.

    Args:
        module: f; its output has the height and width of its input.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self.channels = 0
        self.output_shape: tuple[int, ...] | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        x = check_images(self, inputs[0])
        inner = self.module.forward(x)
        if inner.shape[2:] != x.shape[2:]:
            raise FrameworkError(
                f"Skip takes a module that keeps height and width of {tuple(x.shape)}, given {tuple(inner.shape)}"
            )
        output = torch.cat((x, inner), 1)
        self.channels, self.output_shape = x.shape[1], tuple(output.shape)
        return output

    def backward(self, *gradients: Tensor) -> Tensor:
        g = check_gradient(self, gradients[0], self.output_shape)
        return g[:, : self.channels] + self.module.backward(g[:, self.channels :])

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return self.module.param()


def check_images(module: Module, x: Tensor, channels: int | None = None) -> Tensor:
    """Return `x` if it is a nonempty batch of images `(batch, channel, height, width)`.

    Raises:
        FrameworkError: it is not, or the number of channels is not `channels`.
    """
    name, expected = type(module).__name__, f"(batch, {channels if channels is not None else 'channels'}, height, width)"
    if x.ndim != 4 or (channels is not None and x.shape[1] != channels):
        raise FrameworkError(f"{name} takes {expected}, given {tuple(x.shape)}")
    if not x.numel():
        raise FrameworkError(f"{name} takes at least one image with at least one pixel, given {tuple(x.shape)}")
    return x


def check_gradient(module: Module, gradient: Tensor, shape: tuple[int, ...] | None) -> Tensor:
    """Return `gradient` if it has the shape of the last output; `shape` is None before the first `forward`.

    Raises:
        FrameworkError: `forward` was not called, or the shapes differ.
    """
    name = type(module).__name__
    if shape is None:
        raise FrameworkError(f"{name}.backward was called before {name}.forward")
    if tuple(gradient.shape) != tuple(shape):
        raise FrameworkError(
            f"{name}.backward takes a gradient of its output's shape {tuple(shape)}, given {tuple(gradient.shape)}"
        )
    return gradient


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) from one number for both or one for each."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])
