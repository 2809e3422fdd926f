"""Deblurring with a known kernel: `plug_and_play` from Wiener's estimate, and baselines."""

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example, Predict
from darkroom.operators.blur import Blur, Boundary, Kernel
from darkroom.solvers.deconvolution import BlurredImage, pad_to_input, richardson_lucy, wiener
from darkroom.solvers.denoiser import Denoiser
from darkroom.solvers.half_quadratic import REGULARISATION
from darkroom.solvers.iterate import Image, Iterate
from darkroom.solvers.plug_and_play import SIGMA_MAX, Solver, plug_and_play


def iterates(
    denoiser: Denoiser,
    y: BlurredImage,
    kernel: Kernel,
    sigma: float,
    *,
    boundary: Boundary = "valid",
    solver: Solver = "hqs",
    steps: int = 8,
    regularisation: float | None = REGULARISATION,
    sigma_max: float = SIGMA_MAX,
    start: Literal["wiener", "observed"] = "wiener",
    self_ensemble: bool = True,
    seed: int = 0,
) -> Iterator[Iterate]:
    """Deblur one image.

    Args:
        denoiser: the prior.
        y: the blurred image in [0, 1].
        kernel: k.
        sigma: standard deviation of its noise in the image's units; above 0.
        boundary: of the blur, see `Blur`; with "valid" the iterates are larger than y by the kernel's size minus 1.
        start: the first iterate: Wiener's estimate, or y.
        solver, steps, regularisation, sigma_max, self_ensemble, seed: see `plug_and_play`.

    Raises:
        DarkroomError: the kernel is invalid or larger than the image, or σ is not above 0.
    """
    operator = operator_for(y, kernel, boundary)
    if not sigma > 0:
        raise DarkroomError(
            f"deblurring requires the noise level of the image, above 0: give --sigma above 0, not {255 * sigma:g}"
        )
    return plug_and_play(
        operator,
        denoiser,
        y,
        sigma,
        solver=solver,
        steps=steps,
        regularisation=regularisation,
        sigma_max=sigma_max,
        start=wiener(operator, y, sigma) if start == "wiener" else pad_to_input(operator, y),
        self_ensemble=self_ensemble,
        seed=seed,
    )


def operator_for(y: BlurredImage, kernel: Kernel, boundary: Boundary) -> Blur:
    """The blur whose output has the size of y.

    Raises:
        DarkroomError: the kernel is invalid, or larger than the image.
    """
    valid = int(boundary == "valid")
    height, width = (length + valid * (side - 1) for length, side in zip(y.shape[1:], kernel.shape, strict=True))
    return Blur(kernel, height, width, boundary)


def baselines(boundary: Boundary) -> dict[str, Predict]:
    """Deblurring without a learned prior, by the name that tables give it; kernel and σ are in the batch's condition."""

    def batched(deblur: Callable[[Blur, BlurredImage, float], Image]) -> Predict:
        def predict(batch: Example) -> Tensor:
            kernels, sigmas = batch.condition
            return torch.stack(
                [
                    deblur(operator_for(y, kernel.cpu(), boundary), y, float(sigma))
                    for y, kernel, sigma in zip(batch.input, kernels, sigmas, strict=True)
                ]
            )

        return predict

    return {
        "blurred input": batched(lambda operator, y, sigma: pad_to_input(operator, y)),
        "Wiener": batched(wiener),
        "Richardson-Lucy": batched(lambda operator, y, sigma: richardson_lucy(operator, y)),
    }
