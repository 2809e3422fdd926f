"""Adversarial super-resolution: SRGAN (Ledig et al. 2017) and ESRGAN (Wang et al. 2018), fidelity against perception.

    darkroom train esrgan laptop            three minutes on two CPU cores, nothing to download; adversarial
    darkroom train esrgan laptop_psnr       the same generator without a discriminator, to compare: darkroom report esrgan
    darkroom train esrgan psnr              the PSNR-oriented RRDB network, ×4; days on one GPU (estimated)
    darkroom train esrgan esrgan            the same, then a relativistic discriminator and VGG features; days on one GPU

Rows with VGG features or LPIPS look for torchvision's weights in PyTorch's cache and download them if they are not there;
`without_features` and the laptop rows need none. Perceptual quality is measured by LPIPS, and by the distance of gradient
distributions, which needs no features. The papers train on DIV2K and Flickr2K; here the 400 images of BSDS500 outside BSD100
serve, or any folder (--train-set).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from torch import nn

from darkroom.core.method import Method
from darkroom.core.randomness import generator
from darkroom.data.named_sets import evaluation_images, training_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Run
from darkroom.evaluations.paired_images import PairedImages
from darkroom.methods.esrgan import ESRGAN, cross_entropy, relativistic
from darkroom.methods.regression import Regression
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.metrics.perception import find_lpips, gradient_distance, lpips
from darkroom.networks.rrdbnet import RRDBNet
from darkroom.networks.safmn import SAFMN
from darkroom.networks.srresnet import SRResNet
from darkroom.networks.unet_discriminator import UNetDiscriminator
from darkroom.networks.vgg import VGGDistance
from darkroom.networks.vgg_discriminator import VGGDiscriminator
from darkroom.operators.resample import DownscaledPair
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import super_resolution

TASK = "super-resolution"


@dataclass(frozen=True)
class GeneratorOptions:
    """The generator."""

    generator: Literal["rrdb", "srresnet", "safmn"] = "rrdb"
    """RRDB (ESRGAN), SRResNet (SRGAN), or the light SAFMN."""
    scale: int = 4
    """Upscaling factor: 2 or 4."""
    blocks: int = 23
    """Blocks of the generator."""
    width: int = 64
    """Features of the generator."""
    growth: int = 32
    """Features that each dense layer of an RRDB adds."""


@dataclass(frozen=True)
class AdversarialOptions:
    """The discriminator and the losses."""

    adversarial_loss: Literal["none", "cross_entropy", "relativistic"] = "relativistic"
    """none (L1 throughout), cross_entropy (SRGAN) or relativistic (ESRGAN)."""
    discriminator: Literal["vgg", "unet"] = "vgg"
    """vgg (one logit per image) or unet (one per pixel)."""
    discriminator_width: int = 64
    """Features of the discriminator's first layer."""
    discriminator_hidden: int = 100
    """Features of the vgg discriminator's linear layer."""
    vgg_features: bool = True
    """Compare the features of VGG-19 too."""
    vgg19: str = ""
    """A file with torchvision's VGG-19; by default PyTorch's cache, else a download."""
    pretraining: int = 500_000
    """Steps of L1 alone before adversarial training."""
    l1_weight: float = 1e-2
    """Weight of L1 in adversarial training."""
    perceptual_weight: float = 1.0
    """Weight of the distance of features."""
    adversarial_weight: float = 5e-3
    """Weight of the adversarial loss."""


_WITHOUT_FEATURES = dict(discriminator="unet", vgg_features=False, lpips="none", l1_weight=1.0, adversarial_weight=0.1)
_LAPTOP = {
    **_WITHOUT_FEATURES,
    "generator": "safmn",  # learns in minutes what RRDB learns in hours
    "scale": 2,
    "blocks": 4,
    "width": 36,
    "discriminator_width": 16,
    "adversarial_weight": 0.015,
    "train_set": "embedded",
    "test_set": "embedded",
    "benchmark_sets": (),
    "shuffle_colors": True,
    "patch_size": 64,
    "batch_size": 4,
    "steps": 2600,
    "lr": 1e-3,
    "schedule": "linear",
    "clip": 5.0,
}

ROWS = {
    "psnr": dict(adversarial_loss="none"),
    "esrgan": dict(),
    "esrgan_x2": dict(scale=2),
    "srgan": dict(
        generator="srresnet",
        blocks=16,
        adversarial_loss="cross_entropy",
        patch_size=96,
        l1_weight=0.0,
        adversarial_weight=1e-3,
        discriminator_hidden=1024,
    ),
    "without_features": dict(_WITHOUT_FEATURES),
    "laptop": {**_LAPTOP, "pretraining": 2100},
    "laptop_psnr": {**_LAPTOP, "adversarial_loss": "none"},
}

_PAPER = "Wang et al. 2018 (ESRGAN), Table of PSNR-oriented results"

PUBLISHED = {
    "psnr": [
        *super_resolution.references(4),
        *super_resolution.published("ours", 4, (32.73, 28.99, 27.85, 27.03), _PAPER, (0.9011, 0.7917, 0.7455, 0.8153)),
    ],
    "esrgan": super_resolution.references(4),
    "esrgan_x2": super_resolution.references(2),
    "srgan": super_resolution.references(4),
    "without_features": super_resolution.references(4),
}

_HALVED = OptimizationOptions(900_000, 1e-4, "multistep", (0.55, 0.65, 0.75, 0.9), gamma=0.5)


def recipe(
    network: GeneratorOptions = GeneratorOptions(),
    adversarial: AdversarialOptions = AdversarialOptions(),
    lpips: Literal["alex", "vgg", "none"] = "alex",
    data: DataOptions = DataOptions("bsds400", "bsd100", super_resolution.SETS, patch_size=128),
    optimization: OptimizationOptions = _HALVED,
    seed: int = 0,
) -> Run:
    """A generator of SRGAN or ESRGAN: pre-training for PSNR, then adversarial training.

    Args:
        network: The generator.
        adversarial: The discriminator and the losses.
        lpips: Evaluate LPIPS with AlexNet's or VGG's features too, beside the distance of gradient distributions.
        data: Training and test images; patches are of the high resolution.
        optimization: Adam, of both networks.
        seed: Of weights and patches.
    """
    scale = network.scale
    generator_network = _generator(network).initialise(generator(seed, "weights"))
    method, requirements = _method(generator_network, adversarial, data.patch_size, seed)
    downscaled = DownscaledPair(scale, "matlab")
    fidelity = (*super_resolution.metrics(scale), psnr, ssim)
    perception = (gradient_distance,) if lpips == "none" else (gradient_distance, _lpips(lpips))
    return Run(
        method=method,
        stream=PatchStream(
            training_images(data.train_set),
            downscaled,
            patch_size=data.patch_size,
            batch_size=data.batch_size,
            seed=seed,
            shuffle_colors=data.shuffle_colors,
        ),
        optimizers={name: optimization.adam(ema=name != "discriminator") for name in method.networks()},
        steps=optimization.steps,
        validation=PairedImages(evaluation_images(data.test_set), downscaled, (*fidelity, gradient_distance)).first(8),
        validation_interval=optimization.validation_interval,
        evaluations=super_resolution.evaluations(
            scale, data.test_set, data.benchmark_sets, everywhere=perception, more=(psnr, ssim)
        ),
        network=generator_network,
        requires=requirements if lpips == "none" else [*requirements, partial(find_lpips, lpips)],
        seed=seed,
    )


_lpips = lpips  # the recipe has an option of this name


def _generator(options: GeneratorOptions) -> RRDBNet | SRResNet | SAFMN:
    if options.generator == "rrdb":
        return RRDBNet(options.scale, options.blocks, options.width, options.growth)
    if options.generator == "srresnet":
        return SRResNet(options.scale, options.blocks, options.width)
    return SAFMN(options.scale, options.width, options.blocks)


def _method(
    network: RRDBNet | SRResNet | SAFMN, options: AdversarialOptions, patch_size: int, seed: int
) -> tuple[Method, list[Callable[[], object]]]:
    """The training rule, and what it requires."""
    if options.adversarial_loss == "none":
        return Regression(network, nn.L1Loss()), []
    distance = VGGDistance(Path(options.vgg19) if options.vgg19 else None) if options.vgg_features else None
    method = ESRGAN(
        network,
        _discriminator(options, patch_size).initialise(generator(seed, "discriminator")),
        cross_entropy if options.adversarial_loss == "cross_entropy" else relativistic,
        distance,
        pretraining=options.pretraining,
        l1_weight=options.l1_weight,
        perceptual_weight=options.perceptual_weight,
        adversarial_weight=options.adversarial_weight,
    )
    return method, [distance.find] if distance is not None else []


def _discriminator(options: AdversarialOptions, patch_size: int) -> VGGDiscriminator | UNetDiscriminator:
    """SRGAN's halves patches of 96 four times, ESRGAN's patches of 128 five times; both end in a few pixels."""
    if options.discriminator == "unet":
        return UNetDiscriminator(options.discriminator_width)
    stages = 4 if patch_size < 128 else 5
    return VGGDiscriminator(patch_size, stages, options.discriminator_width, options.discriminator_hidden)
