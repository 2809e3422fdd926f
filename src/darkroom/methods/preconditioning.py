"""From a network to a score: how input and output are scaled, and what tells the network the noise level."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from darkroom.processes.sde import SDE, over


class Preconditioning(ABC):
    """A score s(x, t) made of a network F(x, condition).

    Attributes:
        centred: whether the process has images in [−1, 1] rather than in [0, 1].
        embedding: how the network embeds its condition: "fourier" or "positional"; see `NCSNpp`.
    """

    centred: bool
    embedding: str

    @abstractmethod
    def score(self, network: nn.Module, sde: SDE, x: Tensor, t: Tensor) -> Tensor:
        """s(x, t) at images `(batch, …)` of the process and times `(batch,)`."""

    def times(self, sde: SDE, count: int, device: torch.device) -> Tensor:
        """Times to train at, drawn from the global generator: uniform in [1e-5, 1], or over the levels of a discrete process."""
        if sde.levels is not None:
            return torch.randint(sde.levels, (count,), device=device) / (sde.levels - 1)
        return 1e-5 + (1 - 1e-5) * torch.rand(count, device=device)

    def weight(self, sde: SDE, t: Tensor) -> Tensor:
        """Weight of ‖σ s + z‖² in the loss."""
        return torch.ones_like(t)


@dataclass(frozen=True)
class DividedBySigma(Preconditioning):
    """s = F(2x − 1, log σ) / σ, for VE; images in [0, 1] (Song & Ermon 2020, technique 3; Song et al. 2021, appendix C).

    Args:
        embedding: "fourier" for log σ; "positional" for the number of the level, counted from the largest, of 1000 or of the
            process's own.
    """

    embedding: str = "fourier"
    centred = False

    def score(self, network: nn.Module, sde: SDE, x: Tensor, t: Tensor) -> Tensor:
        sigma = sde.sigma(t)
        condition = sigma.log() if self.embedding == "fourier" else ((sde.levels or 1000) - 1) * (1 - t)
        return network(2 * x - 1, condition) / over(sigma, x)


@dataclass(frozen=True)
class NoisePrediction(Preconditioning):
    """s = −F(x, 999 t) / σ: the network predicts the noise, for VP and sub-VP; images in [−1, 1] (Song et al. 2021, appendix C).

    Args:
        embedding: "positional" for 999 t, or for the number of the level of a discrete process; "fourier" for log σ.
    """

    embedding: str = "positional"
    centred = True

    def score(self, network: nn.Module, sde: SDE, x: Tensor, t: Tensor) -> Tensor:
        sigma = sde.sigma(t)
        condition = sigma.log() if self.embedding == "fourier" else ((sde.levels or 1000) - 1) * t
        return -network(x, condition) / over(sigma, x)


@dataclass(frozen=True)
class EDM(Preconditioning):
    """D(x; σ) = c_skip x + c_out F(c_in x, ¼ log σ) and s = (D − x) / σ², for VE; images in [−1, 1].

    With the data's deviation d: c_skip = d² / (σ² + d²), c_out = σ d / √(σ² + d²), c_in = 1 / √(σ² + d²). Training draws log σ from
    N(mean, deviation²), and weights the squared error of D by 1 / c_out².

    Args:
        sigma_data: d.
        mean, deviation: of log σ in training.
        embedding: see `NCSNpp`.

    Source: Karras et al. 2022, table 1 and section 5.
    """

    sigma_data: float = 0.5
    mean: float = -1.2
    deviation: float = 1.2
    embedding: str = "fourier"
    centred = True

    def score(self, network: nn.Module, sde: SDE, x: Tensor, t: Tensor) -> Tensor:
        sigma, data = over(sde.sigma(t), x), self.sigma_data
        norm = (sigma**2 + data**2).sqrt()
        output = network(x / norm, 0.25 * sde.sigma(t).log())
        denoised = (data / norm) ** 2 * x + sigma * data / norm * output
        return (denoised - x) / sigma**2

    def times(self, sde: SDE, count: int, device: torch.device) -> Tensor:
        return sde.time((self.mean + self.deviation * torch.randn(count, device=device)).exp())

    def weight(self, sde: SDE, t: Tensor) -> Tensor:
        """σ² / c_out² = (σ² + d²) / d², since σ s + z is the error of D divided by σ."""
        return 1 + (sde.sigma(t) / self.sigma_data) ** 2


def likelihood_weight(sde: SDE, t: Tensor) -> Tensor:
    """g² / σ², with which the loss bounds the negative log likelihood (Song et al. 2021, "Maximum likelihood training")."""
    return (sde.diffusion(t) / sde.sigma(t)) ** 2
