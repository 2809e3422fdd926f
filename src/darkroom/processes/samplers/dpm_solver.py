"""DPM-Solver++."""

from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.core.evaluation import Progress
from darkroom.processes.noise import Noise
from darkroom.processes.samplers.sampler import CountedScore, Sampler
from darkroom.processes.samplers.spacing import Spacing, spaced
from darkroom.processes.sde import SDE


@dataclass(frozen=True)
class DPMSolver(Sampler):
    """DPM-Solver++(2M): the linear part of the probability flow solved exactly, the denoised image extrapolated from two steps.

    With λ = log α/σ, h = λᵢ − λᵢ₋₁ and r = hᵢ₋₁ / hᵢ,

        D = (1 + 1/(2r)) x̂₀(tᵢ₋₁) − 1/(2r) x̂₀(tᵢ₋₂),    x ← (σᵢ / σᵢ₋₁) x − αᵢ (e⁻ʰ − 1) D.

    The first step is of first order, and the last one, to σ = 0, gives the denoised image; `steps` evaluations.

    Args:
        spacing: of the times.

    Source: Lu et al. 2022 (DPM-Solver++), algorithm 2.
    """

    spacing: Spacing = "log_snr"

    def __str__(self) -> str:
        return f"DPM-Solver++(2M) (evenly spaced in {self.spacing})"

    def integrate(self, score: CountedScore, sde: SDE, x: Tensor, noise: Noise, steps: int, progress: Progress) -> Tensor:
        times = spaced(sde, steps, self.spacing)
        logs = -sde.ratio(times).log()
        before: Tensor | None = None
        for number, t in enumerate(times):
            denoised = sde.denoise(x, t, score(x, t))
            progress(number + 1, steps)
            if number == steps - 1:
                return denoised
            h, target = logs[number + 1] - logs[number], denoised
            if before is not None:
                r = (logs[number] - logs[number - 1]) / h
                target = (1 + 0.5 / r) * denoised - 0.5 / r * before
            earlier = times[number + 1]
            x = sde.sigma(earlier) / sde.sigma(t) * x - sde.alpha(earlier) * torch.expm1(-h) * target
            before = denoised
        raise AssertionError("there is a last step")
