"""The contract of samplers: from a score function and a process to samples, with the network evaluations that they took."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Progress, no_progress
from darkroom.processes.inference_mode import ordinary_tensors
from darkroom.processes.noise import CPU, Generator, Noise
from darkroom.processes.sde import SDE

Score = Callable[[Tensor, Tensor], Tensor]
"""s(x, t) ≈ ∇ log p_t(x): x `(batch, …)` and times `(batch,)` to a tensor of x's shape."""


class Sampled(NamedTuple):
    """What a sampler returns.

    Args:
        samples: `(batch, …)` in the units of the process.
        evaluations: of the score, for each sample; the mean where samples took different numbers.
    """

    samples: Tensor
    evaluations: float


class CountedScore:
    """A score function that counts its evaluations, sample by sample, and takes times that a batch shares as one number."""

    def __init__(self, score: Score) -> None:
        self.score, self.rows = score, 0

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        self.rows += len(x)
        return self.score(x, t.to(device=x.device, dtype=x.dtype).expand(len(x)))


class Sampler(ABC):
    """A solver of the reverse process, with its settings; called with a score function, a process and a shape.

    `str` of a sampler names it with its settings, for protocols. The last thing that every sampler does is to return the mean of
    the image given the last state, E[x(0) | x(ε)]: the noise that is left at time ε is visible otherwise.
    """

    @abstractmethod
    def __str__(self) -> str: ...

    @abstractmethod
    def integrate(self, score: CountedScore, sde: SDE, x: Tensor, noise: Noise, steps: int, progress: Progress) -> Tensor:
        """From x(1) to the denoised x(0).

        Args:
            score: s.
            sde: the process.
            x: at time 1.
            noise: for further draws.
            steps: the sampler's own measure of length.
            progress: called with the steps done and their number.
        """

    def __call__(
        self,
        score: Score,
        sde: SDE,
        shape: Sequence[int],
        generator: Generator,
        steps: int,
        *,
        start: Tensor | None = None,
        device: torch.device = CPU,
        progress: Progress = no_progress,
    ) -> Sampled:
        """Draw samples.

        Args:
            score: s(x, t).
            sde: the process of which it is the score.
            shape: `(batch, …)` of the samples.
            generator: one for the batch, or one for each sample.
            steps: the number of steps.
            start: x(1), in place of noise drawn from the generator.
            device: of the samples.
            progress: called with the steps done and their number.

        Raises:
            DarkroomError: there are too few steps, or the samples are not finite.
        """
        if steps < 2:
            raise DarkroomError(f"{self} needs at least 2 steps, given {steps}")
        with ordinary_tensors(), torch.no_grad():
            noise, counted = Noise(generator, shape, device), CountedScore(score)
            x = sde.prior_sigma * noise() if start is None else start.to(device).clone()
            samples = self.integrate(counted, sde, x, noise, steps, progress)
        if not torch.isfinite(samples).all():
            raise DarkroomError(f"{self} with {steps} steps gave samples that are not finite: take more steps")
        return Sampled(samples, counted.rows / max(len(samples), 1))
