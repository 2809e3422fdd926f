"""Functions of one number, applied to each."""

from torch import Tensor

from darkroom.scratch.module import Module, gradient_of


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
