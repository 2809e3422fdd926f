"""DDIM."""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from darkroom.core.evaluation import Progress
from darkroom.processes.noise import Noise
from darkroom.processes.samplers.sampler import CountedScore, Sampler
from darkroom.processes.samplers.spacing import Spacing, spaced
from darkroom.processes.sde import SDE


@dataclass(frozen=True)
class DDIM(Sampler):
    """x ← α' x̂₀ + √(σ'² − c²) ε̂ + c z with the denoised image x̂₀ and the noise ε̂ = −σ s; primes are at the earlier time.

    c = η b σ' / σ: with η = 0 nothing is random but the start, with η = 1 it is ancestral sampling. `steps` evaluations.

    Args:
        eta: η, from 0 to 1.
        spacing: of the times.

    Source: Song, Meng, Ermon 2021, eq. 12 and 16.
    """

    eta: float = 0.0
    spacing: Spacing = "time"

    def __str__(self) -> str:
        return f"DDIM (eta {self.eta:g}, evenly spaced in {self.spacing})"

    def integrate(self, score: CountedScore, sde: SDE, x: Tensor, noise: Noise, steps: int, progress: Progress) -> Tensor:
        times = spaced(sde, steps, self.spacing)
        for number, (t, earlier) in enumerate(pairwise(times)):
            s, (_, b) = score(x, t), sde.transition(earlier, t)
            c = self.eta * b * sde.sigma(earlier) / sde.sigma(t)
            direction = (sde.sigma(earlier) ** 2 - c**2).clamp(min=0).sqrt()
            x = sde.alpha(earlier) * sde.denoise(x, t, s) - direction * sde.sigma(t) * s
            x = x + c * noise() if self.eta else x
            progress(number + 1, steps)
        x = sde.denoise(x, times[-1], score(x, times[-1]))
        progress(steps, steps)
        return x
