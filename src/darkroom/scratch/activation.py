"""Elementwise activation functions."""

from torch import Tensor

from darkroom.scratch.module import Module, check_gradient


class ReLU(Module):
    """max(0, x); the derivative at 0 is 0."""

    def __init__(self) -> None:
        self.positive: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.positive = inputs[0] > 0
        return inputs[0] * self.positive

    def backward(self, *gradients: Tensor) -> Tensor:
        g = check_gradient(self, gradients[0], self.positive.shape if self.positive is not None else None)
        assert self.positive is not None
        return g * self.positive


class LeakyReLU(Module):
    """x for x > 0, and a x otherwise; the derivative at 0 is a.

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
        g = check_gradient(self, gradients[0], self.positive.shape if self.positive is not None else None)
        assert self.positive is not None
        return g.where(self.positive, self.slope * g)


class Sigmoid(Module):
    """σ(x) = 1 / (1 + e⁻ˣ), with σ' = σ (1 − σ)."""

    def __init__(self) -> None:
        self.output: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.output = inputs[0].sigmoid()
        return self.output

    def backward(self, *gradients: Tensor) -> Tensor:
        g = check_gradient(self, gradients[0], self.output.shape if self.output is not None else None)
        assert self.output is not None
        return g * self.output * (1 - self.output)
