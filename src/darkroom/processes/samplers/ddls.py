"""Discriminator driven latent sampling (Che et al. 2020): a GAN as an energy-based model, sampled by Langevin dynamics of its latents."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Progress, no_progress
from darkroom.processes.inference_mode import ordinary_tensors
from darkroom.processes.noise import Noise

Latents = Float[Tensor, "batch latent"]

Energy = Callable[[Tensor], Tensor]
"""E of each latent of a batch: `(batch, latent)` to `(batch,)`, each of them a function of its own latent alone."""


@dataclass(frozen=True)
class LatentEnergy:
    """E(z) = −log p₀(z) − a d(G(z)) with p₀ = N(0, I), up to a constant.

    Where d is the logarithm of the ratio of the images' density to that of generated ones, which the optimal discriminator of the
    standard loss is, G(z) with z ∼ exp(−E) has the distribution of the images.

    Args:
        generator: G.
        discriminator: d, the logit of each image, not its sigmoid.
        slope: a, for a discriminator whose logits are no such ratio; see `methods.calibration`.

    Source: Che et al. 2020, section 3.

    Example:
        >>> energy = LatentEnergy(lambda z: 2 * z, lambda x: x.sum(1))
        >>> energy(torch.tensor([[1.0, 3.0]]))  # (1 + 9) / 2 − (2 + 6)
        tensor([-3.])
    """

    generator: Callable[[Tensor], Tensor]
    discriminator: Callable[[Tensor], Tensor]
    slope: Tensor | float = 1.0

    def __call__(self, z: Latents) -> Float[Tensor, " batch"]:
        return 0.5 * z.square().sum(1) - self.slope * self.discriminator(self.generator(z))


class Chains(NamedTuple):
    """What DDLS returns.

    Args:
        latents: the last state of each chain.
        energies: `(steps, batch)`, E of each chain before each step.
        evaluations: of the energy and its gradient, for each chain.
    """

    latents: Tensor
    energies: Tensor
    evaluations: int


@dataclass(frozen=True)
class DDLS:
    """z ← z − ½ ε ∇E(z) + λ √ε n with n ∼ N(0, I), from z ∼ N(0, I); each latent of a batch is a chain of its own.

    With λ = 1 and small ε the chains reach exp(−E); with λ < 1 about exp(−E / λ²), closer to the modes. `str` names it with its
    settings, for protocols.

    Args:
        step_size: ε.
        noise: λ, the level of the noise.

    Source: Che et al. 2020, algorithm 1.

    Example:
        >>> print(DDLS(0.1, noise=0.5))
        Langevin dynamics of the latents (step size 0.1, noise level 0.5)
    """

    step_size: float = 0.01
    noise: float = 1.0

    def __str__(self) -> str:
        return f"Langevin dynamics of the latents (step size {self.step_size:g}, noise level {self.noise:g})"

    def __call__(self, energy: Energy, z: Latents, noise: Noise, steps: int, *, progress: Progress = no_progress) -> Chains:
        """Run chains.

        Args:
            energy: E; whatever it is made of should have no gradients of its own, so that none are computed.
            z: where the chains begin.
            noise: draws in the shape of z.
            steps: of each chain.
            progress: called with the steps done and their number.

        Raises:
            DarkroomError: a chain is not finite.
        """
        energies = []
        with ordinary_tensors():
            z = z.clone()
            for step in range(steps):
                energy_of_each, slope = self._slope(energy, z)
                energies.append(energy_of_each)
                z = z - 0.5 * self.step_size * slope
                if self.noise:
                    z = z + self.noise * self.step_size**0.5 * noise()
                progress(step + 1, steps)
        if not torch.isfinite(z).all():
            raise DarkroomError(f"{self}: after {steps} steps chains are not finite: take smaller steps")
        return Chains(z, torch.stack(energies) if energies else z.new_zeros(0, len(z)), steps)

    @staticmethod
    def _slope(energy: Energy, z: Tensor) -> tuple[Tensor, Tensor]:
        """E and ∇E of every chain. The energies are summed, not averaged: so a chain's gradient is that of its own energy."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            energy_of_each = energy(z.view_as(z))  # no leaf of the graph: PyTorch's counter of operations takes none
            (slope,) = torch.autograd.grad(energy_of_each.sum(), z)
        return energy_of_each.detach(), slope


def ddls(words: str, usual: DDLS) -> DDLS:
    """The sampler that "ddls", "ddls:ε" or "ddls:ε:λ" names; what is left out is as usual.

    Raises:
        DarkroomError: ε is not above 0, or λ is below 0.

    Example:
        >>> ddls("ddls:0.04", DDLS(noise=0.1))
        DDLS(step_size=0.04, noise=0.1)
    """
    try:
        numbers = [float(word) for word in words.split(":")[1:]]
        found = replace(usual, **dict(zip(("step_size", "noise"), numbers, strict=False)))
        if len(numbers) <= 2 and 0 < found.step_size < float("inf") and 0 <= found.noise < float("inf"):
            return found
    except ValueError:
        pass
    raise DarkroomError(
        f"{words!r} is no sampler: it must be ddls, ddls:STEP_SIZE or ddls:STEP_SIZE:NOISE, for example ddls:0.04:0.1"
    )
