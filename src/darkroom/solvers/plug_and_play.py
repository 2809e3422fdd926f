"""Plug-and-play restoration for any linear operator: a solver, a denoiser as the prior, and its noise level at each step."""

from collections.abc import Iterator
from typing import Literal

from darkroom.core.randomness import generator
from darkroom.operators.linear import LinearOperator
from darkroom.solvers.denoiser import Denoiser, geometric_self_ensemble
from darkroom.solvers.half_quadratic import REGULARISATION, half_quadratic
from darkroom.solvers.iterate import Image, Iterate, Measurement
from darkroom.solvers.proximal import continuation, proximal_gradient

Solver = Literal["ista", "fista", "hqs"]

STEPS = 8
"""Iterations of half-quadratic splitting (Zhang et al. 2022)."""

SIGMA_MAX = 49 / 255
"""Noise level at which the continuation starts, in the image's units (Zhang et al. 2022)."""


def plug_and_play(
    operator: LinearOperator,
    denoiser: Denoiser,
    y: Measurement,
    sigma: float,
    *,
    solver: Solver = "hqs",
    steps: int = 8,
    regularisation: float | None = REGULARISATION,
    sigma_max: float = SIGMA_MAX,
    start: Image | None = None,
    self_ensemble: bool = True,
    seed: int = 0,
) -> Iterator[Iterate]:
    """Restore one image from y = Hx + σ n with a denoiser as the prior.

    Args:
        operator: H.
        denoiser: the prior.
        y: the measurement.
        sigma: σ, the standard deviation of its noise in the image's units; above 0.
        solver: hqs (`half_quadratic`), ista or fista (`proximal_gradient`).
        steps: number of iterations.
        regularisation: λ; None for plain gradient steps (ista and fista only, see `proximal_gradient`).
        sigma_max: noise level at which the continuation starts, in the image's units; below σ: σ throughout.
        start: the first iterate; Hᵀy if not given.
        self_ensemble: apply the denoiser to the image flipped and rotated at random.
        seed: of these transforms.

    Raises:
        DarkroomError: σ is not above 0.

    Example:
        >>> import torch
        >>> from darkroom.operators.blur import Blur
        >>> from darkroom.solvers.classical import total_variation
        >>> from darkroom.solvers.iterate import solve
        >>> blur = Blur(torch.ones(3, 3), 32, 32)
        >>> y = blur(torch.rand(1, 32, 32))
        >>> solve(plug_and_play(blur, total_variation, y, sigma=0.01, steps=2)).u.shape
        torch.Size([1, 32, 32])
    """
    prior = geometric_self_ensemble(denoiser, generator(seed, "turns")) if self_ensemble else denoiser
    first = max(sigma_max, sigma)
    if solver == "hqs":
        weight = regularisation or REGULARISATION
        return half_quadratic(operator, prior, y, sigma, steps=steps, sigma_max=first, regularisation=weight, start=start)
    sigmas = continuation(first, sigma, steps, hold=0.0) if first > sigma else None
    return proximal_gradient(
        operator,
        prior,
        y,
        sigma,
        accelerated=solver == "fista",
        steps=steps,
        sigmas=sigmas,
        regularisation=regularisation,
        start=start,
    )
