"""Linear operators that are no `Blur`, and the matrix of any operator."""

import torch
from torch import Tensor

from darkroom.operators.linear import LinearMap, LinearOperator


class Inpainting(LinearOperator):
    """y = m ⊙ x with a random binary mask: two thirds of the pixels are observed."""

    def __init__(self, height: int, width: int) -> None:
        self.mask = (torch.rand(height, width, generator=torch.Generator().manual_seed(1)) < 2 / 3).double()

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.mask.shape)

    @property
    def output_shape(self) -> tuple[int, ...]:
        return tuple(self.mask.shape)

    def __call__(self, x: Tensor) -> Tensor:
        return self.mask.to(x) * x

    def adjoint(self, y: Tensor) -> Tensor:
        return self.mask.to(y) * y


class InvertibleInpainting(Inpainting):
    """Inpainting with the closed form of its normal equations: HᵀH = diag(m)."""

    def normal_inverse(self, alpha: float) -> LinearMap:
        return lambda b: b / (self.mask.to(b) + alpha)


class VaryingBlur(LinearOperator):
    """A blur along rows that grows from left to right, Hx = (1 − w) ⊙ x + w ⊙ (k ⊗ x); rows are circular.

    Args:
        preconditioned: offer the diagonal of HᵀH + α as a preconditioner.
    """

    def __init__(self, height: int, width: int, *, preconditioned: bool = False) -> None:
        self.height, self.width, self.preconditioned = height, width, preconditioned
        self.weights = torch.linspace(0, 1, width, dtype=torch.float64)

    @property
    def input_shape(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def output_shape(self) -> tuple[int, int]:
        return self.height, self.width

    def __call__(self, x: Tensor) -> Tensor:
        w = self.weights.to(x)
        return (1 - w) * x + w * _mean_of_neighbours(x)

    def adjoint(self, y: Tensor) -> Tensor:
        w = self.weights.to(y)
        return (1 - w) * y + _mean_of_neighbours(w * y)  # the kernel is symmetric

    def preconditioner(self, alpha: float) -> LinearMap | None:
        if not self.preconditioned:
            return None
        diagonal = matrix_of(self).square().sum(0).view(self.height, self.width)
        return lambda b: b / (diagonal.to(b) + alpha)


def _mean_of_neighbours(x: Tensor) -> Tensor:
    return (x.roll(1, -1) + x + x.roll(-1, -1)) / 3


def matrix_of(operator: LinearOperator) -> Tensor:
    """H as a dense matrix in double precision."""
    count = int(torch.tensor(operator.input_shape).prod())
    units = torch.eye(count, dtype=torch.float64).view(count, *operator.input_shape)
    return operator(units).flatten(1).T
