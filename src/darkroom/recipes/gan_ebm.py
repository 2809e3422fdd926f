"""GANs as energy-based models: discriminator driven latent sampling (Che, Zhang, Sohl-Dickstein, Larochelle, Paull, Cao, Bengio 2020).

    darkroom train gan_ebm laptop           three minutes on two CPU cores, nothing to download: handwritten digits of 8x8 pixels
    darkroom train gan_ebm digits           the same for seven minutes, then many step sizes, noise levels and numbers of steps
    darkroom train gan_ebm cifar10          SNGAN: FID 21.7, and 15.42 with DDLS; two days on one GPU (estimated)
    darkroom sample runs/gan_ebm/laptop -o digits --sampler ddls --steps 100
    darkroom report gan_ebm score_sde       quality against compute, for chains of GANs and for samplers of score models

The generator turns a latent z into an image, and the discriminator's logit says how likely the image is. Together they are an energy
of z, and Langevin dynamics leads z to images that the generator alone makes too rarely. `ddls@100` is 100 steps with --step-size and
--noise; `ddls:0.04:0.1@100` names both. Where the loss is not the standard one, logits are first calibrated on held-out images.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.core.record import Published
from darkroom.data.generation_sets import SHAPES, generation_images
from darkroom.engine.run import Run
from darkroom.methods import adversarial
from darkroom.methods.gan import GAN, Calibration
from darkroom.networks import dcgan, sngan
from darkroom.processes.samplers.ddls import DDLS
from darkroom.recipes.options import OptimizationOptions
from darkroom.recipes.protocols import generation
from darkroom.recipes.protocols.distributions import DistanceOptions
from darkroom.recipes.protocols.generation import GenerationData, SampleOptions

TASK = "generation"


@dataclass(frozen=True)
class GANOptions:
    """Generator and discriminator."""

    network: Literal["sngan", "dcgan"] = "sngan"
    """sngan (residual blocks, spectral normalisation of the discriminator) or dcgan (strided convolutions, batch normalisation)."""
    width: int = 256
    """Features of the generator; of dcgan, at half the resolution."""
    discriminator_width: int = 128
    """Features of the discriminator; of dcgan, at half the resolution."""
    latent: int = 128
    """Values of a latent."""


@dataclass(frozen=True)
class GANLossOptions:
    """The losses, and in which order the networks take steps."""

    loss: Literal["standard", "hinge", "wgan"] = "hinge"
    """standard (logistic, non-saturating), hinge, or wgan (Wasserstein)."""
    penalty: float = 10.0
    """Weight of the gradient penalty of wgan."""
    discriminator_steps: int = 5
    """Steps of the discriminator for one of the generator, each on a batch of its own."""
    latent_batches: int = 2
    """Latents of a step of the generator, as a multiple of the batch size."""


@dataclass(frozen=True)
class LangevinOptions:
    """Langevin dynamics of the latents where a sampler names no settings."""

    step_size: float = 0.01
    """Of the chains."""
    noise: float = 1.0
    """Level of the chains' noise; 1 samples the energy, less goes closer to its minima."""


_DCGAN = dict(network="dcgan", loss="standard", discriminator_steps=1, latent_batches=1)
_DCGAN_WIDTHS = dict(width=64, discriminator_width=64, latent=100)
_LATENTS = ("generator", "ddls@100", "ddls@1000")
_SMALL = dict(width=32, discriminator_width=32, latent=16, discriminator_steps=2, latent_batches=1, lr=5e-4)
_DIGITS = dict(**_SMALL, image_set="digits", mirrored=False, batch_size=32, sample_count=1000, sample_batch=250, steps=6000)
_EVERY_SETTING = (
    "generator",
    *(f"ddls:{step_size:g}:{noise:g}@{steps}"
      for step_size in (0.01, 0.04, 0.16) for noise in (0.1, 0.5, 1.0) for steps in (5, 20, 50, 100)),
)  # fmt: skip

ROWS = {
    "cifar10": dict(samplers=_LATENTS),
    "cifar10_dcgan": dict(
        **_DCGAN, **_DCGAN_WIDTHS, mirrored=True, batch_size=128, steps=78_000, schedule="constant", samplers=_LATENTS
    ),
    "cifar10_jpeg": dict(
        **{**_SMALL, "width": 64, "discriminator_width": 64, "latent": 64},
        image_set="cifar10_jpeg",
        batch_size=32,
        steps=3000,
        samplers=("generator", "ddls@20", "ddls@100"),
        sample_count=500,
        sample_batch=50,
    ),
    "digits": dict(**_DIGITS, samplers=_EVERY_SETTING),
    "digits_standard": dict(**_DIGITS, loss="standard", samplers=_EVERY_SETTING),
    "digits_wgan": dict(**_DIGITS, loss="wgan", samplers=_EVERY_SETTING),
    "digits_dcgan": dict(**{**_DIGITS, **_DCGAN}, samplers=_EVERY_SETTING),
    "patches": dict(
        **_SMALL,
        image_set="patches",
        batch_size=32,
        steps=1000,
        samplers=("generator", "ddls@20", "ddls@100"),
        sample_count=500,
        sample_batch=250,
    ),
    "laptop": dict(**{**_DIGITS, "steps": 500, "sample_count": 400}, samplers=("generator", "ddls@20", "ddls@100")),
}

_CHE = "Che et al. 2020, results on CIFAR-10"
_STEPS = "number of samples and of steps"


def _published(metric: str, alone: float, with_ddls: float) -> list[Published]:
    return [
        Published(metric, "cifar10-train", alone, _CHE, {"sampler": "generator"}, unknown="number of samples"),
        Published(metric, "cifar10-train", with_ddls, _CHE, {"sampler": "ddls", "steps": 1000.0}, unknown=_STEPS),
    ]


PUBLISHED = {"cifar10": [*_published("inception_score", 8.22, 9.09), *_published("fid", 21.7, 15.42)]}

_LOSSES = {"standard": adversarial.standard, "hinge": adversarial.hinge, "wgan": adversarial.wasserstein}
_BETAS = {"sngan": (0.0, 0.9), "dcgan": (0.5, 0.999)}


def recipe(
    network: GANOptions = GANOptions(),
    losses: GANLossOptions = GANLossOptions(),
    langevin: LangevinOptions = LangevinOptions(),
    data: GenerationData = GenerationData(mirrored=False, batch_size=64),
    optimization: OptimizationOptions = OptimizationOptions(50_000, 2e-4, "linear"),
    samples: SampleOptions = SampleOptions(("generator",)),
    distances: DistanceOptions = DistanceOptions(),
    seed: int = 0,
) -> Run:
    """A GAN of images.

    Args:
        network: Generator and discriminator.
        losses: The losses.
        langevin: Langevin dynamics of the latents.
        data: Images to learn to generate.
        optimization: Adam, of both networks.
        samples: Samplers that are evaluated.
        distances: Features in which samples and images are compared.
        seed: Of weights, images and samples.
    """
    method, requires = _method(network, losses, langevin, data, optimization, seed)
    adam = optimization.adam(_BETAS[network.network])
    return Run(
        method=method,
        stream=data.stream(seed),
        optimizers={"generator": adam, "discriminator": replace(adam, ema=None)},
        steps=optimization.steps,
        validation=generation.validation(data, "generator", 0, seed),
        validation_interval=optimization.validation_interval,
        evaluations=generation.evaluations(data, samples, distances, method.describe, seed),
        kind="generator",
        requires=[*distances.requirements(), *requires],
        seed=seed,
    )


def _method(
    network: GANOptions,
    losses: GANLossOptions,
    langevin: LangevinOptions,
    data: GenerationData,
    optimization: OptimizationOptions,
    seed: int,
) -> tuple[GAN, list[Callable[[], object]]]:
    """The GAN, and what its training requires."""
    if losses.loss == "wgan" and network.network == "dcgan":
        raise DarkroomError(
            "--loss wgan has a penalty on the gradient of each image, and the discriminator of dcgan mixes images by batch "
            "normalisation: take --network sngan"
        )
    calibration = None if losses.loss == "standard" else _calibration(data, optimization)
    method = GAN(
        *_networks(network, data, seed),
        _LOSSES[losses.loss],
        data.shape,
        discriminator_steps=losses.discriminator_steps,
        latent_batches=losses.latent_batches,
        penalty=losses.penalty if losses.loss == "wgan" else 0.0,
        calibration=calibration,
        sampling=DDLS(langevin.step_size, langevin.noise),
    )
    return method, [calibration.images.open] if calibration else []


def _networks(network: GANOptions, data: GenerationData, seed: int) -> tuple[nn.Module, nn.Module]:
    channels, size, _ = data.shape
    family = sngan if network.network == "sngan" else dcgan
    made = family.Generator(channels, size, network.width, network.latent)
    discriminator = family.Discriminator(channels, size, network.discriminator_width)
    return made.initialise(generator(seed, "weights")), discriminator.initialise(generator(seed, "discriminator"))


def _calibration(data: GenerationData, optimization: OptimizationOptions) -> Calibration:
    """By the test images, which samples are not compared with; a folder or zip file has none, so by its training images."""
    images = generation_images(data.image_set, "test", data.image_size) if data.image_set in SHAPES else data.training()
    interval = optimization.validation_interval
    return Calibration(images, {*range(interval, optimization.steps, interval), optimization.steps})
