"""Diffusion posterior sampling."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from darkroom.core.evaluation import Progress
from darkroom.processes.measurement import Measurement, residual
from darkroom.processes.noise import Noise
from darkroom.processes.samplers.predictors import Ancestral, Predictor
from darkroom.processes.samplers.sampler import CountedScore, Sampler
from darkroom.processes.sde import SDE


@dataclass(frozen=True)
class PosteriorSampling(Sampler):
    """x ← predict(x) − ζ (α² + σ²) ∇ₓ ‖y − H x̂₀(x)‖, for any H: the gradient goes through the score.

    x̂₀(x) is the denoised image. α² + σ² is 1 for VP; for other processes it makes the step that of VP in its own units.

    Args:
        measurement: H and y; the level of its noise is not used.
        predictor: the step without the measurement.
        strength: ζ; 1 in the paper for images of 256 × 256 pixels in [−1, 1]. Larger values agree with y less, since the step does
            not shrink with the residual; smaller ones need more steps.

    Source: Chung et al. 2023 (DPS), algorithm 1, whose step size is ζ / ‖y − H x̂₀‖ on the square of the norm.
    """

    measurement: Measurement
    predictor: Predictor = field(default_factory=Ancestral)
    strength: float = 0.5

    def __str__(self) -> str:
        return f"diffusion posterior sampling (strength {self.strength:g}) with {self.predictor}"

    def integrate(self, score: CountedScore, sde: SDE, x: Tensor, noise: Noise, steps: int, progress: Progress) -> Tensor:
        times = sde.times(steps)
        for number, t in enumerate(times):
            with torch.enable_grad():
                at = x.detach().requires_grad_()
                s = score(at, t)
                denoised = sde.denoise(at, t, s)
                (slope,) = torch.autograd.grad(residual(self.measurement, denoised).sum(), at)
            progress(number + 1, steps)
            if number == steps - 1:
                return denoised.detach()
            factor = self.strength * (sde.alpha(t) ** 2 + sde.sigma(t) ** 2)
            x = self.predictor(sde, x, t, times[number + 1], s.detach(), noise) - factor * slope
        raise AssertionError("there is a last step")
