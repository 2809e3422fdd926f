"""What the recipes of score-based generative models share: network, process and training as options, and the run made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Evaluation
from darkroom.core.randomness import generator
from darkroom.data.generation_sets import generation_images
from darkroom.engine.optimization import warm_up
from darkroom.engine.run import Run
from darkroom.evaluations.likelihood import Likelihood
from darkroom.methods.preconditioning import EDM, DividedBySigma, NoisePrediction, Preconditioning
from darkroom.methods.score import Interpolation, SamplingDefaults, ScoreMatching
from darkroom.networks.ncsnpp import NCSNpp
from darkroom.processes.samplers.named import Norms
from darkroom.processes.sde import DDPM, SDE, SMLD, VE, VP, SubVP
from darkroom.recipes.options import OptimizationOptions
from darkroom.recipes.protocols import generation
from darkroom.recipes.protocols.distributions import DistanceOptions
from darkroom.recipes.protocols.generation import GenerationData, SampleOptions


@dataclass(frozen=True)
class ScoreNetworkOptions:
    """The U-Net."""

    width: int = 128
    """Features at the full resolution."""
    multipliers: tuple[int, ...] = (1, 2, 2, 2)
    """Features at each resolution, as multiples of the width; every next one has half the side."""
    blocks: int = 4
    """Residual blocks at each resolution; 8 in the deep networks."""
    attention: tuple[int, ...] = (16,)
    """Sides of the resolutions with self-attention."""
    block: Literal["ddpm", "biggan"] = "biggan"
    """Resampling between residual blocks (ddpm) or within them (biggan)."""
    fir: bool = True
    """Resample with a low-pass filter."""
    progressive_input: bool = True
    """Add the downsampled input at every resolution."""
    rescale: bool = True
    """Divide sums of skip connections by the square root of 2."""
    embedding: Literal["fourier", "positional"] = "fourier"
    """Of the noise level."""
    dropout: float = 0.1
    """Probability, in training."""


@dataclass(frozen=True)
class ProcessOptions:
    """The diffusion process and the loss."""

    sde: Literal["ve", "vp", "subvp", "edm"] = "ve"
    """Variance exploding, variance preserving, sub-VP; or EDM: variance exploding, with its preconditioning and loss."""
    sigma_min: float = 0.01
    """Smallest noise level of ve and edm."""
    sigma_max: float = 50.0
    """Largest noise level of ve and edm."""
    noise_levels: int = 0
    """Train at so many noise levels (SMLD, DDPM); 0 for a continuum."""
    interpolation: Interpolation = "none"
    """Between the levels: none refuses, linear gives the network the number between two levels, rounding takes the nearest."""
    likelihood_weighting: bool = False
    """Weight the loss by g²/σ², for likelihood."""
    snr: float = 0.16
    """Signal-to-noise ratio of the corrector."""
    norms: Norms = "batch"
    """Of the corrector's step: means over the batch, as in the paper, or of each sample."""

    def process(self) -> SDE:
        """The process.

        Raises:
            DarkroomError: it has no discrete form.
        """
        if self.noise_levels and self.sde in ("subvp", "edm"):
            raise DarkroomError(
                f"--noise-levels {self.noise_levels}: {self.sde} is trained at a continuum of noise levels; leave it at 0"
            )
        if self.sde in ("ve", "edm"):
            ends = (self.sigma_min, self.sigma_max)
            return SMLD(self.noise_levels, *ends) if self.noise_levels else VE(*ends)
        if self.sde == "vp":
            return DDPM(self.noise_levels) if self.noise_levels else VP()
        return SubVP()

    def preconditioning(self, embedding: str) -> Preconditioning:
        """How the score is made of the network."""
        if self.sde == "edm":
            return EDM(embedding=embedding)
        return DividedBySigma(embedding) if self.sde == "ve" else NoisePrediction(embedding)


@dataclass(frozen=True)
class ScoreTrainingOptions:
    """Details of the training, and of its evaluation."""

    warm_up_steps: int = 5000
    """Steps over which the learning rate rises from 0."""
    likelihood_images: int = 0
    """Test images whose bits per dimension are computed; slow."""


def run(
    network: ScoreNetworkOptions,
    process: ProcessOptions,
    data: GenerationData,
    training: ScoreTrainingOptions,
    optimization: OptimizationOptions,
    samples: SampleOptions,
    distances: DistanceOptions,
    seed: int,
) -> Run:
    """A score model of images, evaluated by each sampler."""
    method = _method(network, process, data, samples, seed)
    fast = ("ddim", 28) if process.noise_levels and process.interpolation == "none" else ("dpm_solver", 10)
    rise = min(training.warm_up_steps / optimization.steps, 0.5)
    adam = optimization.adam()
    return Run(
        method=method,
        stream=data.stream(seed),
        optimizers={"network": replace(adam, schedule=warm_up(rise, adam.schedule), ema_warm_up=True)},
        steps=optimization.steps,
        validation=generation.validation(data, *fast, seed),
        validation_interval=optimization.validation_interval,
        evaluations=[
            *generation.evaluations(data, samples, distances, lambda name: str(method.solver(name)), seed),
            *_likelihood(data, training.likelihood_images, seed),
        ],
        kind="generator",
        requires=distances.requirements(),
        seed=seed,
    )


def _method(
    network: ScoreNetworkOptions, process: ProcessOptions, data: GenerationData, samples: SampleOptions, seed: int
) -> ScoreMatching:
    channels, size, _ = data.shape
    made = NCSNpp(
        channels,
        size,
        network.width,
        network.multipliers,
        network.blocks,
        network.attention,
        block=network.block,
        fir=network.fir,
        progressive_input=network.progressive_input,
        rescale=network.rescale,
        embedding=network.embedding,
        dropout=network.dropout,
    )
    sampler, steps = samples.parsed()[0]
    return ScoreMatching(
        made.initialise(generator(seed, "weights")),
        process.process(),
        process.preconditioning(network.embedding),
        data.shape,
        weighting="likelihood" if process.likelihood_weighting else "noise",
        reduction="half sum" if process.sde == "ve" else "mean",
        interpolation=process.interpolation,
        sampling=SamplingDefaults(sampler, steps or 1000, process.snr, process.norms),
    )


def _likelihood(data: GenerationData, count: int, seed: int) -> Sequence[Evaluation]:
    if not count:
        return []
    return [Likelihood(generation_images(data.image_set, "test", data.image_size), count, seed=seed)]
