"""Images that agree with a measurement: inpainting, super-resolution, denoising and deblurring by a score model."""

from typing import Literal

import torch
from torch import Tensor

from darkroom.core.evaluation import Progress, no_progress
from darkroom.core.generative import Samples
from darkroom.methods.score import ScoreMatching
from darkroom.operators.linear import LinearOperator
from darkroom.processes.measurement import Measurement, Projection
from darkroom.processes.noise import Generator
from darkroom.processes.samplers.posterior import PosteriorSampling

Guidance = Literal["projection", "dps"]
"""How samples are led to the measurement: projected after every update of a predictor–corrector sampler, or by the gradient of
diffusion posterior sampling."""

PREDICTOR_CORRECTOR, STEPS = "reverse_diffusion_pc", 100
"""What is taken where nothing else is said: solvers without noise cannot keep to a measurement."""


def posterior_samples(
    method: ScoreMatching,
    operator: LinearOperator,
    y: Tensor,
    count: int,
    generator: Generator,
    *,
    sigma: float = 0.0,
    guidance: Guidance = "projection",
    sampler: str = "",
    steps: int = 0,
    strength: float = 0.5,
    progress: Progress = no_progress,
) -> Samples:
    """Samples of the images x that explain a measurement y = H x + n, n ~ N(0, σ² I).

    Args:
        method: a trained score model.
        operator: H, on images whose sides are those of the result.
        y: `(channel, …)`, in the units of images in [0, 1].
        count: number of samples, which are computed together.
        generator: one for the batch, or one for each sample.
        sigma: σ, in the same units.
        guidance: see `Guidance`.
        sampler: a predictor–corrector sampler, for "projection"; "" for `PREDICTOR_CORRECTOR`.
        steps: of the sampler; 0 for `STEPS`.
        strength: ζ of "dps".
        progress: called with the steps done and their number.

    Raises:
        DarkroomError: the sampler cannot take a measurement, or the operator has no pseudo-inverse.
    """
    height, width = operator.input_shape
    centred = method.preconditioning.centred
    y = y.to(method.device)[None]
    if centred:  # the process has x' = 2x − 1
        y = 2 * y - operator(torch.ones(1, 1, height, width, device=y.device))
    steps = steps or STEPS
    measurement = Measurement(operator, y, 2 * sigma if centred else sigma)
    if guidance == "dps":
        dps = PosteriorSampling(measurement, strength=strength)
        found = method.draw(count, generator, sampler=dps, steps=steps, size=(height, width), progress=progress)
    else:
        projection = Projection(measurement)
        found = method.draw(
            count,
            generator,
            sampler=sampler or PREDICTOR_CORRECTOR,
            steps=steps,
            size=(height, width),
            constraint=projection,
            progress=progress,
        )
    return found.samples


def between(
    method: ScoreMatching, generators: list[torch.Generator], frames: int, *, sampler: str = "heun", steps: int = 18
) -> Samples:
    """Images on the way between each two consecutive samples, the samples included.

    The noise that a sample begins with is interpolated along the sphere, and carried to an image by the probability flow.

    Args:
        method: a trained score model.
        generators: one for each sample.
        frames: images from one sample to the next, the first one included.
        sampler: a solver without noise.
        steps: its steps.
    """
    ends = torch.stack([torch.randn(method.shape, generator=one, device="cpu") for one in generators])
    starts = [
        spherical(ends[number], ends[number + 1], frame / frames) for number in range(len(ends) - 1) for frame in range(frames)
    ]
    start = method.sde.prior_sigma * torch.stack([*starts, ends[-1]])
    drawn = [torch.Generator().manual_seed(0) for _ in start]
    return method.draw(len(start), drawn, sampler=sampler, steps=steps, start=start).samples


def spherical(first: Tensor, second: Tensor, share: float) -> Tensor:
    """The point on the great circle between two vectors at a share of the angle.

    Example:
        >>> spherical(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 0.5)
        tensor([0.7071, 0.7071])
    """
    cosine = (first * second).sum() / (first.norm() * second.norm())
    angle = cosine.clamp(-1, 1).acos()
    if angle < 1e-4:
        return torch.lerp(first, second, share)
    return (((1 - share) * angle).sin() * first + (share * angle).sin() * second) / angle.sin()
