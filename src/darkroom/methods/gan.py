"""Generative adversarial networks, sampled plainly or as energy-based models (Goodfellow et al. 2014; Che et al. 2020)."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.utils import parametrize

from darkroom.core.dataset import Dataset, float_example
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Progress, no_progress
from darkroom.core.generative import GenerativeMethod, Samples
from darkroom.core.method import Example
from darkroom.core.randomness import generator as generator_of
from darkroom.methods.adversarial import AdversarialLoss, gradient_penalty
from darkroom.methods.calibration import logistic_calibration
from darkroom.processes.inference_mode import ordinary_tensors
from darkroom.processes.noise import Generator, Noise, generators
from darkroom.processes.samplers.ddls import DDLS, Chains, LatentEnergy, ddls


@dataclass(frozen=True)
class Calibration:
    """When and by which images the discriminator's logits are calibrated; see `methods.calibration`.

    Args:
        images: that neither network is trained on.
        steps: steps of the training after which the slope is found anew, counted from 1.
        count: images of either kind, at most.
    """

    images: Dataset
    steps: Collection[int]
    count: int = 1000


class Drawn(NamedTuple):
    """Images, and what the chains that they come from recorded; None where there were no chains."""

    images: Samples
    chains: Chains | None


class GAN(GenerativeMethod):
    """A generator G of images from z ∼ N(0, I) against a discriminator d; d takes `discriminator_steps` steps for one of G's.

    With the sampler "ddls", z is a sample of Langevin dynamics under E(z) = −log p₀(z) − a d(G(z)); "ddls:ε" and "ddls:ε:λ" name its
    step size and noise level. While samples are drawn both networks are in evaluation mode, and their weights have no gradients.

    Args:
        generator: G, `(batch, latent)` to images in [0, 1], with the attribute `latent`.
        discriminator: d, images in [0, 1] to one logit each.
        loss: the pair of losses; with `wasserstein`, `penalty` keeps d Lipschitz.
        shape: `(channel, height, width)` of the images.
        discriminator_steps: each on a batch of its own.
        latent_batches: the generator's step has so many times the latents of a discriminator's.
        penalty: weight of the gradient penalty; not for a discriminator with batch normalisation, which mixes samples.
        calibration: finds a; without, a is 1, which is right for the standard loss.
        sampling: step size and noise level of "ddls" where nothing else is said; None for those of `DDLS`.
        steps: of "ddls" where nothing else is said.

    Example:
        >>> from darkroom.methods.adversarial import standard
        >>> from darkroom.networks import sngan
        >>> networks = sngan.Generator(1, 8, width=4, latent=3), sngan.Discriminator(1, 8, width=4)
        >>> method = GAN(*networks, standard, (1, 8, 8), discriminator_steps=2)
        >>> [name for name, loss in method.losses([Example(torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8))] * 2, 0)]
        ['discriminator', 'discriminator', 'generator']
        >>> method.sample(2, torch.Generator(), sampler="ddls:0.1", steps=3).shape
        torch.Size([2, 1, 8, 8])
    """

    samplers = ("generator", "ddls")

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        loss: AdversarialLoss,
        shape: tuple[int, int, int],
        *,
        discriminator_steps: int = 1,
        latent_batches: int = 1,
        penalty: float = 0.0,
        calibration: Calibration | None = None,
        sampling: DDLS | None = None,
        steps: int = 100,
    ) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.loss, self.shape = loss, shape
        self.batches_per_step, self.latent_batches, self.penalty = discriminator_steps, latent_batches, penalty
        self.calibration, self.sampling, self.steps = calibration, sampling or DDLS(), steps
        self.slope: Tensor
        self.register_buffer("slope", torch.ones(()))

    @property
    def latent(self) -> int:
        """Values of z."""
        return int(self.generator.latent)  # type: ignore[arg-type]

    def networks(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def losses(self, batch: Example | list[Example], step: int) -> Iterator[tuple[str, Tensor]]:
        batches = batch if isinstance(batch, list) else [batch]
        for real in (example.target for example in batches):
            with torch.no_grad():
                fake = self.generator(torch.randn(len(real), self.latent, device=real.device))
            loss = self.loss.discriminator(self.discriminator(real), self.discriminator(fake))
            if self.penalty:
                loss = loss + self.penalty * gradient_penalty(lambda x: self.discriminator(x)[:, None], real, fake)
            yield "discriminator", loss
        fake = self.generator(torch.randn(self.latent_batches * len(real), self.latent, device=real.device))
        yield "generator", self.loss.generator(self.discriminator(fake))

    def after_step(self, step: int) -> Collection[str]:
        if self.calibration and step + 1 in self.calibration.steps:
            self.slope.fill_(self._calibrated(self.calibration, step))
        return ()

    def watched(self) -> Mapping[str, Tensor]:
        return {"slope": self.slope} if self.calibration else {}

    def predict(self, batch: Example) -> Samples:
        """The images that seeds give: the input is a whole number for each."""
        seeds: Int64[Tensor, " batch"] = batch.input
        return self.draw(len(seeds), [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]).images

    def sample(
        self,
        count: int,
        random: torch.Generator,
        *,
        sampler: str = "",
        steps: int = 0,
        progress: Progress = no_progress,
    ) -> Samples:
        return self.draw(count, generators(random, count), sampler=sampler, steps=steps, progress=progress).images

    def draw(
        self, count: int, generator: Generator, *, sampler: str = "", steps: int = 0, progress: Progress = no_progress
    ) -> Drawn:
        """Samples in [0, 1], and the energies of the chains that they come from.

        Args:
            count: number of samples, which are computed together.
            generator: one for the batch, or one for each sample.
            sampler: see the class.
            steps: of each chain.
            progress: called with the steps done and their number.

        Raises:
            DarkroomError: there is no such sampler, steps were given where there are none, or a chain is not finite.
        """
        solver = self.solver(sampler)
        if solver is None and steps:
            raise DarkroomError(
                f"the generator alone takes no steps, given {steps}: name the sampler ddls, or leave steps away"
            )
        noise = Noise(generator, (count, self.latent), self.device)
        with self._frozen(), torch.no_grad():
            z, chains = noise(), None
            if solver is not None:
                energy = LatentEnergy(self.generator, self.discriminator, self.slope)
                chains = solver(energy, z, noise, steps or self.steps, progress=progress)
                z = chains.latents
            return Drawn(self.generator(z), chains)

    def solver(self, sampler: str = "") -> DDLS | None:
        """The Langevin dynamics that a sampler's name stands for; None for the generator alone.

        Raises:
            DarkroomError: there is no such sampler.
        """
        kind = self.check_sampler(sampler.partition(":")[0])
        if kind == "ddls":
            return ddls(sampler, self.sampling)
        if ":" in sampler:
            raise DarkroomError(f"{sampler!r}: the generator alone has no settings")
        return None

    def describe(self, sampler: str = "") -> str:
        """A sampler with its settings, in words."""
        solver = self.solver(sampler)
        if solver is None:
            return "the generator alone"
        return f"{solver}{', logits calibrated on held-out images' if self.calibration else ''}"

    @contextmanager
    def _frozen(self) -> Iterator[None]:
        """Evaluation mode, weights without gradients, and normalised weights computed once."""
        networks = list(self.networks().values())
        training = [(module, module.training) for network in networks for module in network.modules()]
        trained = [parameter for network in networks for parameter in network.parameters() if parameter.requires_grad]
        with ordinary_tensors(), parametrize.cached():
            try:
                for network in networks:
                    network.eval().requires_grad_(False)
                yield
            finally:
                for module, mode in training:
                    module.training = mode
                for parameter in trained:
                    parameter.requires_grad_(True)

    def _calibrated(self, calibration: Calibration, step: int) -> float:
        """a of the two networks as they are, not below 0."""
        count = min(calibration.count, len(calibration.images))
        drawn = generator_of("calibration", step)
        chosen = torch.randperm(len(calibration.images), generator=drawn)[:count].tolist()
        with self._frozen(), torch.no_grad():
            real = torch.stack([float_example(calibration.images.example(index)).target for index in chosen])
            fake = self.generator(torch.randn(count, self.latent, generator=drawn).to(self.device))
            logits: list[Float[Tensor, " batch"]] = [
                self.discriminator(images.to(self.device)).float().cpu() for images in (real, fake)
            ]
        return max(logistic_calibration(*logits)[0], 0.0)
