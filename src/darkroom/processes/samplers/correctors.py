"""Correctors: Langevin steps at one noise level, which bring samples closer to the distribution there."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from darkroom.processes.noise import Noise
from darkroom.processes.sde import SDE, over


class Corrector(ABC):
    """One step x ← x + δ s + √(2δ) z of Langevin dynamics; correctors differ in δ. It evaluates no score itself."""

    @abstractmethod
    def __str__(self) -> str: ...

    @abstractmethod
    def step_size(self, sde: SDE, t: Tensor, alpha: Tensor, score: Tensor, z: Tensor) -> Tensor:
        """δ, one number or one for each sample.

        Args:
            sde: the process.
            t: a time that the batch shares.
            alpha: a² of the step from the next earlier time to t: 1 for VE, 1 − β for VP.
            score: s(x, t).
            z: the noise of the step.
        """

    def __call__(self, sde: SDE, x: Tensor, t: Tensor, alpha: Tensor, score: Tensor, noise: Noise) -> Tensor:
        """x after the step."""
        z = noise()
        delta = over(self.step_size(sde, t, alpha, score, z), x)
        return x + delta * score + (2 * delta).sqrt() * z


@dataclass(frozen=True)
class Langevin(Corrector):
    """δ = 2 α (r ‖z‖ / ‖s‖)² with the signal-to-noise ratio r (Song et al. 2021, algorithms 4 and 5).

    Args:
        snr: r; 0.16 for CIFAR-10 and 0.17 for CelebA in the paper.
        norms: "batch" takes the mean of both norms over the batch, as the paper does: samples then depend on the batch; "sample"
            takes each sample's own.
    """

    snr: float = 0.16
    norms: Literal["sample", "batch"] = "sample"

    def __str__(self) -> str:
        return f"Langevin (signal-to-noise ratio {self.snr:g}, norms of the {self.norms})"

    def step_size(self, sde: SDE, t: Tensor, alpha: Tensor, score: Tensor, z: Tensor) -> Tensor:
        norm_of_z, norm_of_score = (tensor.flatten(1).norm(dim=1) for tensor in (z, score))
        if self.norms == "batch":
            norm_of_z, norm_of_score = norm_of_z.mean(), norm_of_score.mean()
        return 2 * alpha * (self.snr * norm_of_z / norm_of_score.clamp(min=1e-12)) ** 2


@dataclass(frozen=True)
class AnnealedLangevin(Corrector):
    """δ = 2 α (r σ(t))²: the step of annealed Langevin dynamics (Song & Ermon 2019), on the scale of `Langevin`'s r."""

    snr: float = 0.16

    def __str__(self) -> str:
        return f"annealed Langevin (signal-to-noise ratio {self.snr:g})"

    def step_size(self, sde: SDE, t: Tensor, alpha: Tensor, score: Tensor, z: Tensor) -> Tensor:
        return 2 * alpha * (self.snr * sde.sigma(t)) ** 2
