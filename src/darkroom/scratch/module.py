"""What every module is, and modules one after another and beside each other."""

import torch
from torch import Tensor


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
        x = images(self, inputs[0])
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


def images(module: Module, x: Tensor, channels: int | None = None) -> Tensor:
    """The batch itself, if it is one of images `(batch, channel, height, width)` and not empty.

    Raises:
        Misfit: it is not, or it has other channels than the module wants.
    """
    name, wanted = type(module).__name__, f"(batch, {channels if channels is not None else 'channels'}, height, width)"
    if x.ndim != 4 or (channels is not None and x.shape[1] != channels):
        raise Misfit(f"{name} takes {wanted}, given {tuple(x.shape)}")
    if not x.numel():
        raise Misfit(f"{name} takes at least one image with at least one pixel, given {tuple(x.shape)}")
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
