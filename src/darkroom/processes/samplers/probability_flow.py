"""The probability-flow ODE, which has the marginals of the process and no noise: adaptive and fixed steps, and images to noise."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from darkroom.core.evaluation import Progress
from darkroom.processes.noise import Noise
from darkroom.processes.runge_kutta import Derivative, dormand_prince
from darkroom.processes.samplers.sampler import CountedScore, Sampler, Score
from darkroom.processes.sde import SDE, over


def flow(score: Score, sde: SDE) -> Derivative:
    """dx/dt = f x − ½ g² s(x, t) (Song et al. 2021, eq. 13)."""

    def derivative(x: Tensor, t: Tensor, numbers: Tensor) -> Tensor:
        return over(sde.drift(t), x) * x - over(0.5 * sde.diffusion(t) ** 2, x) * score(x, t)

    return derivative


@dataclass(frozen=True)
class RungeKutta45(Sampler):
    """The probability flow by Dormand and Prince's pair with adaptive steps; the number of steps is the solver's, `steps` is not used.

    Args:
        rtol, atol: tolerances of a step, 1e-5 in the paper.
    """

    rtol: float = 1e-5
    atol: float = 1e-5

    def __str__(self) -> str:
        return f"probability-flow ODE by RK45 (rtol {self.rtol:g}, atol {self.atol:g}, steps of each sample's own)"

    def integrate(self, score: CountedScore, sde: SDE, x: Tensor, noise: Noise, steps: int, progress: Progress) -> Tensor:
        def shown(share: float) -> None:
            progress(round(100 * share), 100)

        end = sde.times(2)[-1]
        x = dormand_prince(flow(score, sde), x, 1.0, float(end), rtol=self.rtol, atol=self.atol, progress=shown)
        return sde.denoise(x, end, score(x, end))


@dataclass(frozen=True)
class HeunFlow(Sampler):
    """The probability flow by Heun's method with fixed steps in time: 2 (steps − 1) + 1 evaluations."""

    def __str__(self) -> str:
        return "probability-flow ODE by Heun's method in time"

    def integrate(self, score: CountedScore, sde: SDE, x: Tensor, noise: Noise, steps: int, progress: Progress) -> Tensor:
        derivative, times, all_ = flow(score, sde), sde.times(steps), torch.arange(len(x), device=x.device)
        for number, (t, earlier) in enumerate(pairwise(times)):
            first = derivative(x, t, all_)
            second = derivative(x + (earlier - t) * first, earlier, all_)
            x = x + 0.5 * (earlier - t) * (first + second)
            progress(number + 1, steps)
        x = sde.denoise(x, times[-1], score(x, times[-1]))
        progress(steps, steps)
        return x


def encode(score: Score, sde: SDE, x: Tensor, *, rtol: float = 1e-5, atol: float = 1e-5) -> Tensor:
    """The noise x(1) to which the probability flow carries images, and from which it returns to them.

    Args:
        score: s(x, t).
        sde: the process.
        x: images at time ε, in the units of the process.
        rtol, atol: tolerances of a step.
    """
    with torch.no_grad():
        return dormand_prince(flow(CountedScore(score), sde), x, float(sde.times(2)[-1]), 1.0, rtol=rtol, atol=atol)
