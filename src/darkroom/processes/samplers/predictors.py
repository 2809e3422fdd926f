"""Predictors: one step of the reverse process, from time t to an earlier one."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from darkroom.processes.noise import Noise
from darkroom.processes.sde import SDE


class Predictor(ABC):
    """One step backwards in time; it evaluates no score itself."""

    @abstractmethod
    def __str__(self) -> str: ...

    @abstractmethod
    def __call__(self, sde: SDE, x: Tensor, t: Tensor, earlier: Tensor, score: Tensor, noise: Noise) -> Tensor:
        """x at time `earlier`.

        Args:
            sde: the process.
            x: at time t.
            t, earlier: two times that the batch shares.
            score: s(x, t).
            noise: for the step's draw.
        """


@dataclass(frozen=True)
class ReverseDiffusion(Predictor):
    """The reverse SDE discretised as the forward process is: x ← (2 − a) x + b² s + b z (eq. 46).

    (a, b) are the coefficients of the forward step. With `probability_flow`, x ← (2 − a) x + ½ b² s, without noise (eq. 47).

    Source: Song et al. 2021, appendix E.
    """

    probability_flow: bool = False

    def __str__(self) -> str:
        return "probability flow" if self.probability_flow else "reverse diffusion"

    def __call__(self, sde: SDE, x: Tensor, t: Tensor, earlier: Tensor, score: Tensor, noise: Noise) -> Tensor:
        a, b = sde.transition(earlier, t)
        if self.probability_flow:
            return (2 - a) * x + 0.5 * b**2 * score
        return (2 - a) * x + b**2 * score + b * noise()


@dataclass(frozen=True)
class Ancestral(Predictor):
    """Ancestral sampling: x ← (x + b² s) / a + c z.

    (x + b² s) / a is the mean of x(earlier) given x(t), and given that x(0) is the denoised image. c is the standard deviation
    of the noise: c = b σ(earlier) / σ(t) ("posterior", the variance given x(0): eq. 47 of SMLD, and the smaller choice of Ho et
    al. 2020), or c = b ("forward", β itself: the paper's for VP).

    Source: Song et al. 2021, appendix F; Ho et al. 2020, section 3.2.
    """

    variance: Literal["posterior", "forward"] = "posterior"

    def __str__(self) -> str:
        return f"ancestral ({self.variance} variance)"

    def __call__(self, sde: SDE, x: Tensor, t: Tensor, earlier: Tensor, score: Tensor, noise: Noise) -> Tensor:
        a, b = sde.transition(earlier, t)
        c = b if self.variance == "forward" else b * sde.sigma(earlier) / sde.sigma(t)
        return (x + b**2 * score) / a + c * noise()


@dataclass(frozen=True)
class EulerMaruyama(Predictor):
    """x ← x − [f x − g² s] Δt + g √Δt z (Song et al. 2021, appendix E)."""

    def __str__(self) -> str:
        return "Euler-Maruyama"

    def __call__(self, sde: SDE, x: Tensor, t: Tensor, earlier: Tensor, score: Tensor, noise: Noise) -> Tensor:
        step, g = t - earlier, sde.diffusion(t)
        return x - (sde.drift(t) * x - g**2 * score) * step + g * step.sqrt() * noise()


@dataclass(frozen=True)
class NoPredictor(Predictor):
    """x stays as it is: correctors alone do the work."""

    def __str__(self) -> str:
        return "no predictor"

    def __call__(self, sde: SDE, x: Tensor, t: Tensor, earlier: Tensor, score: Tensor, noise: Noise) -> Tensor:
        return x
