"""The regularised inverse of a blur: (HᵀH + α)⁻¹."""

import math

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.operators.blur import Blur


def solved(
    operator: Blur, right: Tensor, alpha: float, *, start: Tensor | None = None, steps: int = 200, tolerance: float = 1e-4
) -> Tensor:
    """x with (HᵀH + α) x = right: divided by |k̂|² + α where H is circular, else by conjugate gradients from `start`.

    Args:
        operator: H.
        right: the right-hand side.
        alpha: α, above 0.
        start: where conjugate gradients begin; 0 if not given.
        steps: of conjugate gradients, at most.
        tolerance: norm of what is left over the norm of `right`, at which they end.
    """
    if operator.boundary == "circular":
        power = operator.spectrum(right.dtype).abs().square().to(right.device)
        return torch.fft.irfft2(torch.fft.rfft2(right) / (power + alpha), s=right.shape[-2:])
    x = torch.zeros_like(right) if start is None else start
    left = right if start is None else right - operator.adjoint(operator(x)) - alpha * x
    direction, squared = left, float(left.double().square().sum())
    enough = (tolerance * float(right.norm())) ** 2
    for _ in range(steps):
        if squared <= enough:
            break
        pushed = operator.adjoint(operator(direction)) + alpha * direction
        length = squared / float((direction.double() * pushed.double()).sum())
        x, left = x + length * direction, left - length * pushed
        before, squared = squared, float(left.double().square().sum())
        direction = left + squared / before * direction
    if not math.isfinite(squared):
        raise DarkroomError("conjugate gradients met a number that is not finite: is the picture?")
    return x
