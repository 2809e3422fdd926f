"""The contract of linear operators: H with its adjoint, and what a solver can do faster where the operator offers it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

LinearMap = Callable[[Tensor], Tensor]
"""A linear map from tensors of an operator's input shape to tensors of the same shape."""


class LinearOperator(ABC):
    """H: a linear map from images x to measurements y, the forward model y = Hx + n of an inverse problem.

    A solver needs `__call__`, `adjoint` and the shapes. The rest has defaults that are right for every H, and is overridden
    where the structure of H allows something better: `normal_inverse` where HᵀH is diagonalised by a fast transform,
    `preconditioner` where it nearly is, `lipschitz` where the norm is known. Batch and channel axes may come before the axes
    on which H acts.

    Example:
        Inpainting, y = m ⊙ x with a binary mask m:

        >>> class Inpainting(LinearOperator):
        ...     def __init__(self, mask):
        ...         self.mask = mask
        ...     @property
        ...     def input_shape(self):
        ...         return tuple(self.mask.shape)
        ...     @property
        ...     def output_shape(self):
        ...         return tuple(self.mask.shape)
        ...     def __call__(self, x):
        ...         return self.mask * x
        ...     def adjoint(self, y):
        ...         return self.mask * y
        >>> operator = Inpainting(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
        >>> operator(torch.full((3, 2, 2), 5.0))[0].tolist()
        [[5.0, 0.0], [5.0, 5.0]]
        >>> round(operator.lipschitz, 6)
        1.0
    """

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the last axes of x, on which H acts; `(height, width)` for an operator that treats channels alike."""

    @property
    @abstractmethod
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the last axes of y = Hx."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """H x: `(*batch, *input_shape)` to `(*batch, *output_shape)`."""

    @abstractmethod
    def adjoint(self, y: Tensor) -> Tensor:
        """Hᵀ y, for which ⟨H x, y⟩ = ⟨x, Hᵀ y⟩ for all x and y."""

    @cached_property
    def lipschitz(self) -> float:
        """‖HᵀH‖, the Lipschitz constant of the gradient of ½‖Hx − y‖².

        By default 100 steps of the power method, on tensors of the default dtype on the CPU.
        """
        start = torch.randn(self.input_shape, generator=torch.Generator().manual_seed(0))
        return power_method(self, start, steps=100)

    def normal_inverse(self, alpha: float) -> LinearMap | None:
        """The exact map b ↦ (HᵀH + α)⁻¹ b, or None where there is no closed form.

        Args:
            alpha: α, above 0.
        """
        return None

    def preconditioner(self, alpha: float) -> LinearMap | None:
        """A symmetric positive definite approximation of (HᵀH + α)⁻¹ for conjugate gradients, or None.

        Args:
            alpha: α, above 0.
        """
        return None


def power_method(operator: LinearOperator, start: Tensor, steps: int) -> float:
    """An estimate of ‖HᵀH‖, from below, by the power method.

    Args:
        operator: H.
        start: the first vector; it must not be orthogonal to the leading eigenvector.
        steps: applications of HᵀH.
    """
    x, norm = start, torch.ones((), dtype=start.dtype)
    for _ in range(steps):
        x = operator.adjoint(operator(x / x.norm()))
        norm = x.norm()
        if not norm:
            break
    return float(norm)
