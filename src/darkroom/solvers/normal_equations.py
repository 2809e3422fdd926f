"""The regularised normal equations (HᵀH + α) x = b of a linear operator."""

import math

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.operators.linear import LinearMap, LinearOperator


def solve_normal_equations(
    operator: LinearOperator, b: Tensor, alpha: float, *, start: Tensor | None = None, steps: int = 200, tolerance: float = 1e-5
) -> Tensor:
    """x with (HᵀH + α) x = b: exactly where the operator has a `normal_inverse`, else by conjugate gradients.

    Conjugate gradients are preconditioned where the operator has a `preconditioner`.

    Args:
        operator: H.
        b: the right-hand side, `(*batch, *operator.input_shape)`.
        alpha: α, above 0.
        start: the first iterate of conjugate gradients; 0 if not given.
        steps: of conjugate gradients, at most.
        tolerance: conjugate gradients end when the norm of the residual is below that of b times `tolerance`.

    Raises:
        DarkroomError: α is not above 0, or a value is not finite.

    Example:
        >>> from darkroom.operators.blur import Blur
        >>> blur = Blur(torch.ones(3, 3), 8, 8)
        >>> b = blur.adjoint(torch.ones(1, 6, 6))
        >>> x = solve_normal_equations(blur, b, 0.1)
        >>> bool(torch.allclose(blur.adjoint(blur(x)) + 0.1 * x, b, atol=1e-4))
        True
    """
    if not alpha > 0:
        raise DarkroomError(f"the regularisation alpha must be above 0, given {alpha:g}")
    inverse = operator.normal_inverse(alpha)
    if inverse is not None:
        return inverse(b)

    def normal(x: Tensor) -> Tensor:
        return operator.adjoint(operator(x)) + alpha * x

    x = torch.zeros_like(b) if start is None else start
    residual = b if start is None else b - operator.adjoint(operator(x)) - alpha * x
    return _conjugate_gradients(normal, operator.preconditioner(alpha), x, residual, steps, tolerance * float(b.norm()))


def _conjugate_gradients(
    normal: LinearMap, preconditioner: LinearMap | None, x: Tensor, residual: Tensor, steps: int, enough: float
) -> Tensor:
    """Preconditioned conjugate gradients from x until the residual's norm is at most `enough` (Hestenes & Stiefel 1952)."""
    precondition = preconditioner or (lambda residual: residual)
    direction = z = precondition(residual)
    product = inner(residual, z)
    for _ in range(steps):
        if float(residual.norm()) <= enough:
            break
        image = normal(direction)
        length = product / inner(direction, image)
        x, residual = x + length * direction, residual - length * image
        z = precondition(residual)
        before, product = product, inner(residual, z)
        direction = z + product / before * direction
    if not math.isfinite(product):
        raise DarkroomError("conjugate gradients diverged: a value of the image, or of the operator's output, is not finite")
    return x


def inner(a: Tensor, b: Tensor) -> float:
    """⟨a, b⟩, accumulated in double precision."""
    return float((a.double() * b.double()).sum())
