"""Score-based generative modelling (Song et al. 2021): denoising score matching, sampling, likelihood, denoising."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Progress, no_progress
from darkroom.core.generative import GenerativeMethod, Samples
from darkroom.core.method import Example
from darkroom.methods.preconditioning import Preconditioning, likelihood_weight
from darkroom.processes import likelihood
from darkroom.processes.noise import Generator, generators
from darkroom.processes.samplers.named import NAMES, Norms, sampler
from darkroom.processes.samplers.predictor_corrector import Constraint, PredictorCorrector
from darkroom.processes.samplers.sampler import Sampled, Sampler
from darkroom.processes.sde import SDE

Interpolation = Literal["none", "linear", "rounding"]
"""What is done at times between the levels of a discrete process: refuse, give the network the number between two levels, or
take the nearest level."""


@dataclass(frozen=True)
class SamplingDefaults:
    """How samples are drawn where nothing else is said.

    Args:
        sampler: one of `processes.samplers.named.NAMES`.
        steps: its number of steps.
        snr: signal-to-noise ratio of the corrector.
        norms: whether the corrector's norms are each sample's own, or means over the batch.
    """

    sampler: str = "reverse_diffusion_pc"
    steps: int = 1000
    snr: float = 0.16
    norms: Norms = "sample"


class ScoreMatching(GenerativeMethod):
    """Learn the score of images under a diffusion process, and generate images by its reverse.

        L = E λ(t) ‖σ(t) s(x(t), t) + z‖²,    x(t) = α(t) x(0) + σ(t) z,  z ~ N(0, I)

    Args:
        network: F, see `Preconditioning`.
        sde: the process.
        preconditioning: makes the score of the network, and draws the times.
        shape: `(channel, height, width)` of the images.
        weighting: λ: that of the preconditioning (1, or EDM's), or "likelihood".
        reduction: of the squares of an image: "half sum" (the paper's for VE) or "mean" (for VP). Gradients differ by the number
            of values, so a clipping norm means different things.
        interpolation: see `Interpolation`; for a discrete process.
        sampling: the defaults.

    Source: Song et al. 2021, eq. 7 and appendix C.

    Example:
        >>> from darkroom.methods.preconditioning import NoisePrediction
        >>> from darkroom.processes.sde import VP
        >>> class Zero(nn.Module):
        ...     def forward(self, x, condition):
        ...         return 0 * x
        >>> method = ScoreMatching(Zero(), VP(), NoisePrediction(), (1, 8, 8), reduction="mean")
        >>> [(name, round(loss.item())) for name, loss in method.losses(Example(*[torch.rand(64, 1, 8, 8)] * 2), 0)]
        [('network', 1)]
    """

    samplers = NAMES

    def __init__(
        self,
        network: nn.Module,
        sde: SDE,
        preconditioning: Preconditioning,
        shape: tuple[int, int, int],
        *,
        weighting: Literal["noise", "likelihood"] = "noise",
        reduction: Literal["half sum", "mean"] = "mean",
        interpolation: Interpolation = "none",
        sampling: SamplingDefaults = SamplingDefaults(),
    ) -> None:
        super().__init__()
        self.network, self.sde, self.preconditioning, self.shape = network, sde, preconditioning, shape
        self.weighting, self.reduction, self.interpolation, self.sampling = weighting, reduction, interpolation, sampling
        self.samplers = (sampling.sampler, *(name for name in NAMES if name != sampling.sampler))

    def networks(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        x0 = self.to_process(batch.target)
        t = self.preconditioning.times(self.sde, len(x0), x0.device)
        alpha, sigma = (values.view(-1, 1, 1, 1) for values in (self.sde.alpha(t), self.sde.sigma(t)))
        z = torch.randn_like(x0)
        error = sigma * self.score(alpha * x0 + sigma * z, t) + z
        likely = self.weighting == "likelihood"
        weight = likelihood_weight(self.sde, t) if likely else self.preconditioning.weight(self.sde, t)
        squares = error.square().flatten(1)
        yield "network", (weight * (0.5 * squares.sum(1) if self.reduction == "half sum" else squares.mean(1))).mean()

    def predict(self, batch: Example) -> Float[Tensor, "batch channel height width"]:
        """E[clean | noisy] for images with Gaussian noise, whose level (in the image's units) is the condition."""
        level = batch.condition[0] * (2 if self.preconditioning.centred else 1)
        t = self.sde.time(level)
        x = self.sde.alpha(t).view(-1, 1, 1, 1) * self.to_process(batch.input)
        return self.to_images(self.sde.denoise(x, t, self.score(x, t)))

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """s(x, t), x in the units of the process."""
        if self.sde.levels is not None and self.interpolation == "rounding":
            t = (t * (self.sde.levels - 1)).round() / (self.sde.levels - 1)
        return self.preconditioning.score(self.network, self.sde, x, t)

    def sample(
        self,
        count: int,
        random: torch.Generator,
        *,
        sampler: str = "",
        steps: int = 0,
        progress: Progress = no_progress,
    ) -> Samples:
        return self.draw(count, generators(random, count), sampler=sampler, steps=steps, progress=progress).samples

    def draw(
        self,
        count: int,
        generator: Generator,
        *,
        sampler: str | Sampler = "",
        steps: int = 0,
        size: tuple[int, int] | None = None,
        constraint: Constraint | None = None,
        **options: Any,
    ) -> Sampled:
        """Samples in [0, 1], and the evaluations of the network that they took.

        Args:
            count: number of samples, which are computed together.
            generator: one for the batch, or one for each sample.
            sampler: by its name, or the sampler itself.
            steps: its number of steps.
            size: height and width, where they differ from those in training.
            constraint: what is known of the samples; predictor–corrector samplers impose it.
            options: of `Sampler`: `start` in the units of the process, `progress`.

        Raises:
            DarkroomError: the sampler does not exist, does not fit the process's levels, or cannot take the constraint.
        """
        solver = self.solver(sampler) if isinstance(sampler, str) else sampler
        steps = steps or self.sampling.steps
        self._check_levels(solver, steps)
        if constraint is not None:
            if not isinstance(solver, PredictorCorrector):
                raise DarkroomError(f"{solver} cannot keep to a measurement: take a predictor, with or without a corrector")
            solver = replace(solver, constraint=constraint)
        shape = (count, self.shape[0], *(size or self.shape[1:]))
        found = solver(self.score, self.sde, shape, generator, steps, device=self.device, **options)
        return Sampled(self.to_images(found.samples).clamp(0, 1), found.evaluations)

    def solver(self, name: str = "") -> Sampler:
        """A sampler by its name, with this method's settings."""
        return sampler(self.check_sampler(name), self.sde, snr=self.sampling.snr, norms=self.sampling.norms)

    def bits_per_dimension(self, images: Tensor, generator: Generator, **options: Any) -> Float[Tensor, " batch"]:
        """Bits for each value of 8-bit images, dequantised uniformly (see `processes.likelihood`).

        Args:
            images: in [0, 1], of 8 bits.
            generator: of dequantisation and of Hutchinson's estimator.
            options: of `log_likelihood`.
        """
        shape = images.shape
        draws = (
            [torch.rand(shape[1:], generator=one, device="cpu") for one in generator] if isinstance(generator, list) else None
        )
        uniform = torch.stack(draws) if draws else torch.rand(shape, generator=generator, device="cpu")  # type: ignore[arg-type]
        x = self.to_process(((255 * images).round() + uniform.to(images.device)) / 256)
        found = likelihood.log_likelihood(self.score, self.sde, x, generator, **options)
        return likelihood.bits_per_dimension(found, shape[1:], centred=self.preconditioning.centred)

    def to_process(self, images: Tensor) -> Tensor:
        """Images in [0, 1] in the units of the process."""
        return 2 * images - 1 if self.preconditioning.centred else images

    def to_images(self, x: Tensor) -> Tensor:
        """The inverse of `to_process`; not clipped."""
        return (x + 1) / 2 if self.preconditioning.centred else x

    def _check_levels(self, solver: Sampler, steps: int) -> None:
        """Refuse to evaluate a discrete process between its levels unless it was said how."""
        levels = self.sde.levels
        if levels is None or self.interpolation != "none":
            return
        at_levels = isinstance(solver, PredictorCorrector) or getattr(solver, "spacing", "") == "time"
        if not at_levels or (levels - 1) % (steps - 1):
            raise DarkroomError(
                f"{solver} with {steps} steps evaluates the network between the {levels} noise levels that it was trained at: "
                "choose --interpolation linear or rounding"
            )
