"""Deblurring with a known kernel: a start, a solver, a denoiser, and how strong it is at each step."""

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example, Predict
from darkroom.core.randomness import generator
from darkroom.operators.blur import Blur, Boundary, Kernel
from darkroom.solvers.deconvolution import extended, richardson_lucy, wiener
from darkroom.solvers.denoiser import Denoiser, turning
from darkroom.solvers.half_quadratic import half_quadratic
from darkroom.solvers.iterate import ImageFile, Iterate, Observed
from darkroom.solvers.proximal import continuation, proximal_gradient

Solver = Literal["ista", "fista", "hqs"]

STRONGEST = 49.0
"""Where the levels of a continuation begin, 0–255 scale (Zhang et al. 2022)."""


def iterates(
    denoiser: Denoiser,
    y: Observed,
    kernel: Kernel,
    sigma: float,
    *,
    boundary: Boundary = "valid",
    solver: Solver = "hqs",
    steps: int = 8,
    weight: float | None = 0.23,
    first: float = STRONGEST,
    start: Literal["wiener", "observed"] = "wiener",
    turns: bool = True,
    seed: int = 0,
) -> Iterator[Iterate]:
    """Walk one blurred image towards its sharp one.

    Args:
        denoiser: the prior.
        y: what was observed, in [0, 1].
        kernel: k.
        sigma: deviation of its noise in the image's units.
        boundary: what lies outside the image; "valid" assumes nothing, and the answer is larger by the kernel less one.
        solver: hqs, ista or fista.
        steps: how many.
        weight: λ of the metric in which gradient steps are taken; None for plain ones (see `solvers.proximal`).
        first: level that a continuation begins with, 0–255 scale; 0 for none.
        start: from Wiener's answer, or from what was observed.
        turns: show the denoiser the image flipped and turned at random.
        seed: of the turns.

    Raises:
        DarkroomError: the kernel does not fit the image, or σ is not above 0.
    """
    operator = operator_of(y, kernel, boundary)
    if not sigma > 0:
        raise DarkroomError(
            f"deblurring weighs the image against its noise, which cannot be {255 * sigma:g}: give a --sigma above 0"
        )
    begin = wiener(operator, y, sigma) if start == "wiener" else extended(operator, y)
    prior = turning(denoiser, generator(seed, "turns")) if turns else denoiser
    if solver == "hqs":
        return half_quadratic(
            operator, prior, y, sigma, steps=steps, strongest=max(first / 255, sigma), weight=weight or 0.23, start=begin
        )
    sigmas = continuation(max(first / 255, sigma), sigma, steps, hold=0.0) if first else None
    return proximal_gradient(
        operator, prior, y, sigma, accelerated=solver == "fista", steps=steps, sigmas=sigmas, weight=weight, start=begin
    )


def operator_of(y: Observed, kernel: Kernel, boundary: Boundary) -> Blur:
    """The operator that answered y.

    Raises:
        DarkroomError: the kernel is no blur kernel, or larger than the image.
    """
    more = int(boundary == "valid")
    height, width = (length + more * (side - 1) for length, side in zip(y.shape[1:], kernel.shape, strict=True))
    return Blur(kernel, height, width, boundary)


def baselines(boundary: Boundary) -> dict[str, Predict]:
    """Deblurring without a learned prior, told kernel and noise, by the name that tables give it."""

    def told(answer: Callable[[Blur, Observed, float], ImageFile]) -> Predict:
        def predict(batch: Example) -> Tensor:
            kernels, sigmas = batch.condition
            return torch.stack(
                [
                    answer(operator_of(y, kernel.cpu(), boundary), y, float(sigma))
                    for y, kernel, sigma in zip(batch.input, kernels, sigmas, strict=True)
                ]
            )

        return predict

    return {
        "blurred input": told(lambda operator, y, sigma: extended(operator, y)),
        "Wiener": told(wiener),
        "Richardson-Lucy": told(lambda operator, y, sigma: richardson_lucy(operator, y)),
    }
