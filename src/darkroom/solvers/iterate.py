"""Solvers are generators of iterates; whoever walks them decides when it is enough, and keeps the best."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError

ImageFile = Float[Tensor, "channel height width"]
Observed = Float[Tensor, "channel observed_height observed_width"]


@dataclass(frozen=True)
class Iterate:
    """Where a solver is.

    Args:
        step: counted from 1.
        u: the image.
        residual: √mean (Hu − y)², in the image's units; a solution that explains y and not its noise has σ here.
        change: ‖u − previous u‖ / ‖u‖.
        level: the noise level that the denoiser was told, or 0 where there is none.
    """

    step: int
    u: ImageFile
    residual: float
    change: float
    level: float = 0.0


@dataclass(frozen=True)
class Solution:
    """What came of a walk.

    Args:
        u: the image: the last iterate, or the best one if the walk diverged.
        steps: how many were made.
        ended: "converged", "explained" (the residual was small enough), "steps" (all of them were made) or "diverged".
        residuals: of every iterate.
    """

    u: ImageFile
    steps: int
    ended: str
    residuals: Sequence[float]


def solve(iterates: Iterable[Iterate], *, tolerance: float = 0.0, enough: float = 0.0, patience: int = 2) -> Solution:
    """Walk a solver to its end.

    It ends early when `change` stays below `tolerance` for `patience` steps, or when the residual has come down to `enough`
    (Morozov's discrepancy principle, if that is the noise's deviation). It is taken for diverged when an iterate is not
    finite, or its residual is above twice the smallest so far and above one grey level more than it, `patience` times in a
    row; then the iterate with the smallest residual is the answer.

    Args:
        iterates: a solver's.
        tolerance: relative change that is no change any more; 0 makes all steps.
        enough: residual that is small enough.
        patience: how often in a row.

    Raises:
        DarkroomError: not one iterate was finite.
    """
    best: Iterate | None = None
    last: Iterate | None = None
    residuals: list[float] = []
    calm = wild = 0
    for iterate in iterates:
        residuals.append(iterate.residual)
        finite = math.isfinite(iterate.residual) and bool(torch.isfinite(iterate.u).all())
        if not finite:
            break
        last = iterate
        if best is None or iterate.residual <= best.residual:
            best = iterate
        wild = wild + 1 if iterate.residual > max(2 * best.residual, best.residual + 1 / 255) else 0
        calm = calm + 1 if iterate.change < tolerance else 0
        if wild >= patience or calm >= patience or iterate.residual <= enough:
            break
    if last is None or best is None:
        raise DarkroomError("the solver's very first iterate is not finite: is the image, or the denoiser's answer?")
    if wild >= patience or len(residuals) > last.step:
        return Solution(best.u, best.step, "diverged", residuals)
    ended = "explained" if last.residual <= enough else "converged" if calm >= patience else "steps"
    return Solution(last.u, last.step, ended, residuals)
