"""Solvers are generators of iterates; `solve` runs one until a stopping criterion holds."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError

Image = Float[Tensor, "channel height width"]
Measurement = Float[Tensor, "..."]

Status = Literal["converged", "discrepancy", "steps", "diverged"]


@dataclass(frozen=True)
class Iterate:
    """One iterate of a solver.

    Args:
        step: counted from 1.
        u: the image.
        residual: √mean (Hu − y)², in the image's units; the noise's standard deviation where u is the true image.
        change: ‖u − previous u‖ / ‖u‖.
        level: the noise level that was given to the denoiser; 0 without a denoiser.
    """

    step: int
    u: Image
    residual: float
    change: float
    level: float = 0.0


@dataclass(frozen=True)
class Solution:
    """The result of a solver.

    Args:
        u: the image: the last iterate, or the one with the smallest residual if the solver diverged.
        steps: which iterate that is.
        status: "converged"; "discrepancy" (the residual came down to the given one); "steps" (all steps were made); "diverged".
        residuals: of every iterate.
    """

    u: Image
    steps: int
    status: Status
    residuals: Sequence[float]


def solve(iterates: Iterable[Iterate], *, tolerance: float = 0.0, discrepancy: float = 0.0, patience: int = 2) -> Solution:
    """Run a solver until it has converged, diverged, or made all its steps.

    It has converged when `change` stays below `tolerance` for `patience` steps. It is stopped early when the residual is at most
    `discrepancy` (Morozov's discrepancy principle, with the noise's standard deviation). It has diverged when an iterate is not
    finite, or when for `patience` steps the residual is above twice the smallest one so far and above that plus 1/255.

    Args:
        iterates: of the solver.
        tolerance: relative change below which an iterate counts as unchanged; 0 makes all steps.
        discrepancy: residual at which to stop.
        patience: number of consecutive steps.

    Raises:
        DarkroomError: the first iterate is not finite.

    Example:
        >>> from darkroom.operators.blur import Blur
        >>> from darkroom.solvers.proximal import fista
        >>> blur = Blur(torch.ones(3, 3), 16, 16, "circular")
        >>> y = blur(torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0)))
        >>> def shrink(v, sigma):  # the proximal operator of ‖u‖²/2
        ...     return v / (1 + sigma**2)
        >>> solve(fista(blur, shrink, y, sigma=0.1, steps=500), tolerance=1e-4).status
        'converged'
    """
    best: Iterate | None = None
    last: Iterate | None = None
    residuals: list[float] = []
    unchanged = worse = 0
    for iterate in iterates:
        residuals.append(iterate.residual)
        if not (math.isfinite(iterate.residual) and bool(torch.isfinite(iterate.u).all())):
            break
        last = iterate
        if best is None or iterate.residual <= best.residual:
            best = iterate
        worse = worse + 1 if iterate.residual > max(2 * best.residual, best.residual + 1 / 255) else 0
        unchanged = unchanged + 1 if iterate.change < tolerance else 0
        if worse >= patience or unchanged >= patience or iterate.residual <= discrepancy:
            break
    if last is None or best is None:
        raise DarkroomError("the first iterate of the solver is not finite: check the image and the denoiser's output")
    if worse >= patience or len(residuals) > last.step:
        return Solution(best.u, best.step, "diverged", residuals)
    status: Status = "discrepancy" if last.residual <= discrepancy else "converged" if unchanged >= patience else "steps"
    return Solution(last.u, last.step, status, residuals)
