"""Predictor–corrector sampling."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from darkroom.core.evaluation import Progress
from darkroom.processes.noise import Noise
from darkroom.processes.samplers.correctors import Corrector
from darkroom.processes.samplers.predictors import NoPredictor, Predictor, ReverseDiffusion
from darkroom.processes.samplers.sampler import CountedScore, Sampler
from darkroom.processes.sde import SDE


@runtime_checkable
class Constraint(Protocol):
    """What is known of a sample, imposed on x after every update."""

    def binds(self, sde: SDE, t: Tensor) -> bool:
        """Whether it is imposed at time t. Where it is not, there is no corrector either: it would forget what was imposed."""

    def __call__(self, sde: SDE, x: Tensor, t: Tensor, noise: Noise) -> Tensor:
        """x at time t, closer to what is known of it."""

    def finish(self, x: Tensor) -> Tensor:
        """The denoised sample, closer to what is known of it."""


@dataclass(frozen=True)
class PredictorCorrector(Sampler):
    """At each of `steps` times, correct at this noise level, then predict the state at the next earlier one.

    It evaluates the score once for the predictor and once for each corrector step, so a predictor alone takes `steps`
    evaluations, and with one corrector step 2 · `steps`: P2000 and PC1000 of the paper cost the same. At the last time, the
    prediction is the denoised mean.

    Args:
        predictor: the step in time; `NoPredictor` leaves it to the corrector.
        corrector: the step at a noise level, or None.
        corrections: corrector steps at every noise level.
        constraint: imposed on x after every update: for inpainting and the like.

    Source: Song et al. 2021, algorithm 1; its code corrects before it predicts, as here.

    Example:
        >>> from darkroom.processes.sde import VP
        >>> score = lambda x, t: -x  # of N(0, 1), which VP leaves alone
        >>> sampled = PredictorCorrector()(score, VP(), (500, 2), torch.Generator().manual_seed(0), steps=50)
        >>> sampled.evaluations
        50.0
    """

    predictor: Predictor = field(default_factory=ReverseDiffusion)
    corrector: Corrector | None = None
    corrections: int = 1
    constraint: Constraint | None = None

    def __str__(self) -> str:
        if self.corrector is None:
            return f"{self.predictor}"
        times = "" if self.corrections == 1 else f", {self.corrections} times"
        return f"{self.predictor} with {self.corrector}{times}"

    def integrate(self, score: CountedScore, sde: SDE, x: Tensor, noise: Noise, steps: int, progress: Progress) -> Tensor:
        times = sde.times(steps)
        for number, t in enumerate(times):
            last = number == steps - 1
            x = self._correct(score, sde, x, t, times[max(number - 1, 0)] if last else times[number + 1], noise)
            if last:
                x = sde.denoise(x, t, score(x, t))
                x = x if self.constraint is None else self.constraint.finish(x)
            elif not isinstance(self.predictor, NoPredictor):
                x = self.predictor(sde, x, t, times[number + 1], score(x, t), noise)
                x = self._constrain(sde, x, times[number + 1], noise)
            progress(number + 1, steps)
        return x

    def _correct(self, score: CountedScore, sde: SDE, x: Tensor, t: Tensor, neighbour: Tensor, noise: Noise) -> Tensor:
        """`corrections` corrector steps at time t; α is that of the step between t and a neighbouring time."""
        if self.corrector is None or (self.constraint is not None and not self.constraint.binds(sde, t)):
            return x
        earlier, later = torch.minimum(t, neighbour), torch.maximum(t, neighbour)
        alpha = sde.transition(earlier, later)[0] ** 2
        for _ in range(self.corrections):
            x = self.corrector(sde, x, t, alpha, score(x, t), noise)
            x = self._constrain(sde, x, t, noise)
        return x

    def _constrain(self, sde: SDE, x: Tensor, t: Tensor, noise: Noise) -> Tensor:
        if self.constraint is None or not self.constraint.binds(sde, t):
            return x
        return self.constraint(sde, x, t, noise)
