"""The regularised inverse of a blur: (HᵀH + α)⁻¹."""

import math

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.operators.blur import Blur


def solved(
    operator: Blur, right: Tensor, alpha: float, *, start: Tensor | None = None, steps: int = 200, tolerance: float = 1e-5
) -> Tensor:
    """x with (HᵀH + α) x = right: divided by |k̂|² + α where H is circular, else by conjugate gradients from `start`.

    These are preconditioned by the circular answer, which is wrong along the border only.

    Args:
        operator: H.
        right: the right-hand side.
        alpha: α, above 0.
        start: where conjugate gradients begin; 0 if not given.
        steps: of conjugate gradients, at most.
        tolerance: norm of what is left over the norm of `right`, at which they end.

    Raises:
        DarkroomError: a number is not finite.
    """
    power = operator.circular.spectrum(right.dtype).abs().square().to(right.device) + alpha

    def divided(x: Tensor) -> Tensor:
        return torch.fft.irfft2(torch.fft.rfft2(x) / power, s=x.shape[-2:])

    if operator.boundary == "circular":
        return divided(right)
    x = torch.zeros_like(right) if start is None else start
    left = right if start is None else right - operator.adjoint(operator(x)) - alpha * x
    direction = towards = divided(left)
    product, enough = inner(left, towards), tolerance * float(right.norm())
    for _ in range(steps):
        if float(left.norm()) <= enough:
            break
        pushed = operator.adjoint(operator(direction)) + alpha * direction
        length = product / inner(direction, pushed)
        x, left = x + length * direction, left - length * pushed
        towards = divided(left)
        before, product = product, inner(left, towards)
        direction = towards + product / before * direction
    if not math.isfinite(product):
        raise DarkroomError("conjugate gradients met a number that is not finite: is the image?")
    return x


def inner(a: Tensor, b: Tensor) -> float:
    """⟨a, b⟩, added up in double precision."""
    return float((a.double() * b.double()).sum())
