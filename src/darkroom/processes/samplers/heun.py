"""The deterministic sampler of EDM."""

from dataclasses import dataclass

from torch import Tensor

from darkroom.core.evaluation import Progress
from darkroom.processes.noise import Noise
from darkroom.processes.samplers.sampler import CountedScore, Sampler
from darkroom.processes.samplers.spacing import Spacing, spaced
from darkroom.processes.sde import SDE


@dataclass(frozen=True)
class Heun(Sampler):
    """Heun's method on dy/dς = (y − x̂₀) / ς for y = x / α and the noise level ς = σ / α, from ς_max to 0.

    The last step, to ς = 0, is Euler's and gives the denoised image; 2 · steps − 1 evaluations, 35 for the 18 steps of the paper.

    Args:
        spacing: of the noise levels, the paper's by default.

    Source: Karras et al. 2022, algorithm 1, with eq. 5.
    """

    spacing: Spacing = "karras"

    def __str__(self) -> str:
        return f"EDM's deterministic Heun sampler (spacing {self.spacing})"

    def integrate(self, score: CountedScore, sde: SDE, x: Tensor, noise: Noise, steps: int, progress: Progress) -> Tensor:
        times = spaced(sde, steps, self.spacing)
        levels, y = sde.ratio(times), x / sde.alpha(times[0])

        def slope(y: Tensor, number: int) -> Tensor:
            """The predicted noise −σ s = (y − x̂₀) / ς."""
            t = times[number]
            return -sde.sigma(t) * score(sde.alpha(t) * y, t)

        for number in range(steps - 1):
            change = levels[number + 1] - levels[number]
            first = slope(y, number)
            second = slope(y + change * first, number + 1)
            y = y + 0.5 * change * (first + second)
            progress(number + 1, steps)
        y = y - levels[-1] * slope(y, steps - 1)
        progress(steps, steps)
        return y
