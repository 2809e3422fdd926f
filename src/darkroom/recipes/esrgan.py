"""Adversarial super-resolution: SRGAN (Ledig et al. 2017) and ESRGAN (Wang et al. 2018), and what they trade.

    darkroom train esrgan laptop            three minutes on two CPU cores, nothing to download; adversarial
    darkroom train esrgan laptop_psnr       the same generator without its adversary, to compare: darkroom report esrgan
    darkroom train esrgan psnr              the PSNR-oriented RRDB network, ×4; days on one GPU (estimated)
    darkroom train esrgan esrgan            the same, then relativistic adversary and VGG features; days on one GPU

Rows with VGG features or LPIPS look for torchvision's weights in PyTorch's cache and download them if they are not there;
`without_features` and the laptop rows need none. Perception is evaluated by LPIPS, and by the distance of gradient
distributions, which needs no features. The papers train on DIV2K and Flickr2K; here the 400 images of BSDS500
outside BSD100 serve, or any folder (--train-set).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from torch import nn

from darkroom.core.method import Method
from darkroom.core.randomness import generator
from darkroom.data.named_sets import evaluation_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Evaluation, Run, adam, constant, halved_after, linear
from darkroom.methods.esrgan import ESRGAN, plain, relativistic
from darkroom.methods.regression import Regression
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.metrics.perception import find_lpips, gradient_distance, lpips
from darkroom.networks.rrdbnet import RRDBNet
from darkroom.networks.safmn import SAFMN
from darkroom.networks.srresnet import SRResNet
from darkroom.networks.unet_discriminator import UNetDiscriminator
from darkroom.networks.vgg import VGGDistance
from darkroom.networks.vgg_discriminator import VGGDiscriminator
from darkroom.operators.resample import ReducedPair
from darkroom.recipes.protocols import super_resolution

_FREE = dict(discriminator="unet", features=False, perceived="gradients", fidelity=1.0, adversarial=0.1)
_LAPTOP = {
    **_FREE,
    "network": "safmn",  # learns in minutes what RRDB learns in hours
    "scale": 2,
    "blocks": 4,
    "width": 36,
    "discriminator_width": 16,
    "adversarial": 0.015,
    "train_set": "embedded",
    "test_set": "embedded",
    "standard": (),
    "shuffle_colors": True,
    "patch_size": 64,
    "batch_size": 4,
    "lr": 1e-3,
    "schedule": "linear",
    "clip": 5.0,
}

ROWS = {
    "psnr": dict(adversary="none"),
    "esrgan": dict(),
    "esrgan_x2": dict(scale=2),
    "srgan": dict(
        network="srresnet",
        blocks=16,
        adversary="plain",
        patch_size=96,
        fidelity=0.0,
        adversarial=1e-3,
        discriminator_hidden=1024,
    ),
    "without_features": dict(_FREE),
    "laptop": {**_LAPTOP, "steps": 2600, "pretraining": 2100},
    "laptop_psnr": {**_LAPTOP, "steps": 2600, "adversary": "none"},
}

_SCHEDULES = {"constant": constant, "halved": halved_after(0.55, 0.65, 0.75, 0.9), "linear": linear}

PROTOCOL = frozenset({"scale"})
"""Settings that, when changed, make a number measure something else than the published ones."""

_PAPER = "Wang et al. 2018 (ESRGAN), Table of PSNR-oriented results"

PUBLISHED = {
    "psnr": [
        *super_resolution.beside(4),
        *super_resolution.published("ours", 4, (32.73, 28.99, 27.85, 27.03), _PAPER, (0.9011, 0.7917, 0.7455, 0.8153)),
    ],
    "esrgan": super_resolution.beside(4),
    "esrgan_x2": super_resolution.beside(2),
    "srgan": super_resolution.beside(4),
    "without_features": super_resolution.beside(4),
}


def recipe(
    network: Literal["rrdb", "srresnet", "safmn"] = "rrdb",
    scale: int = 4,
    blocks: int = 23,
    width: int = 64,
    growth: int = 32,
    adversary: Literal["none", "plain", "relativistic"] = "relativistic",
    discriminator: Literal["vgg", "unet"] = "vgg",
    discriminator_width: int = 64,
    discriminator_hidden: int = 100,
    features: bool = True,
    vgg19: str = "",
    fidelity: float = 1e-2,
    perception: float = 1.0,
    adversarial: float = 5e-3,
    perceived: Literal["alex", "vgg", "gradients"] = "alex",
    train_set: str = "bsds400",
    test_set: str = "bsd100",
    standard: tuple[str, ...] = super_resolution.SETS,
    shuffle_colors: bool = False,
    patch_size: int = 128,
    batch_size: int = 16,
    pretraining: int = 500_000,
    steps: int = 900_000,
    lr: float = 1e-4,
    schedule: Literal["constant", "halved", "linear"] = "halved",
    clip: float | None = None,
    seed: int = 0,
) -> Run:
    """A generator of SRGAN or ESRGAN, pre-trained for PSNR, then against a discriminator.

    Args:
        network: the generator: RRDB (ESRGAN), SRResNet (SRGAN), or the light SAFMN.
        scale: how many times images are enlarged: 2 or 4.
        blocks: blocks of the generator.
        width: features of the generator.
        growth: features that each dense layer of an RRDB adds.
        adversary: none (L1 alone, from beginning to end), plain (SRGAN), or relativistic (ESRGAN).
        discriminator: vgg (one number a crop) or unet (one a pixel).
        discriminator_width: features of the discriminator's first layer.
        discriminator_hidden: features of the vgg discriminator's linear layer.
        features: whether VGG-19's features are compared too.
        vgg19: a file with torchvision's VGG-19; by default PyTorch's cache, else a download.
        fidelity: weight of L1 once the adversary has entered.
        perception: weight of the distance of features.
        adversarial: weight of the adversary.
        perceived: LPIPS with AlexNet or VGG features beside the distance of gradient distributions, or that alone.
        train_set: images to learn from: embedded, bsds400, or a folder.
        test_set: images to validate and evaluation on: embedded, bsd100, or a folder.
        standard: sets to evaluation on besides, where they are there.
        shuffle_colors: exchange the colour channels of training crops at random.
        patch_size: side of the training crops in pixels, before reduction.
        batch_size: crops a step.
        pretraining: steps of L1 alone before the adversary enters.
        steps: length of the training, pre-training included.
        lr: Adam's learning rate, of both networks.
        schedule: the rate as it is, halved four times, or linearly to zero.
        clip: largest norm of a gradient.
        seed: of weights and crops.
    """
    networks: dict[str, Callable[[], RRDBNet | SRResNet | SAFMN]] = {
        "rrdb": lambda: RRDBNet(scale, blocks, width, growth),
        "srresnet": lambda: SRResNet(scale, blocks, width),
        "safmn": lambda: SAFMN(scale, width, blocks),
    }
    made = networks[network]().initialise(generator(seed, "weights"))
    adversarial_stage = adversary != "none"
    distance = VGGDistance(Path(vgg19) if vgg19 else None) if features and adversarial_stage else None
    method: Method = Regression(made, nn.L1Loss())
    if adversarial_stage:
        method = ESRGAN(
            made,
            _discriminator(discriminator, crop, discriminator_width, discriminator_hidden).initialise(
                generator(seed, "discriminator")
            ),
            plain if adversary == "plain" else relativistic,
            distance,
            pretraining=pretraining,
            fidelity=fidelity,
            perception=perception,
            adversarial=adversarial,
        )
    reduced, metrics = ReducedPair(scale, "matlab"), super_resolution.metrics(scale)
    perceptual = (gradient_distance,) if perceived == "gradients" else (gradient_distance, lpips(perceived))
    needs = [distance.find] if distance is not None else []
    return Run(
        method=method,
        stream=PatchStream(
            training_images(train_set), reduced, patch_size=patch_size, batch_size=batch_size, seed=seed, shuffle_colors=shuffle_colors
        ),
        optimizers={network: adam(lr, schedule=_SCHEDULES[schedule], clip=clip) for network in method.networks()},
        steps=steps,
        validation=Evaluation(evaluation_images(test_set).first(8), reduced, (*metrics, psnr, ssim, gradient_distance)),
        validate_every=max(1, steps // 10),
        evaluations=super_resolution.evaluations(scale, test_set, standard, everywhere=perceptual, more=(psnr, ssim)),
        restorer=made,
        needs=needs if perceived == "gradients" else [*needs, partial(find_lpips, perceived)],
        seed=seed,
    )


def _discriminator(kind: str, patch_size: int, width: int, hidden: int) -> VGGDiscriminator | UNetDiscriminator:
    """SRGAN's halves crops of 96 four times, ESRGAN's crops of 128 five times; both end in a few pixels."""
    if kind == "unet":
        return UNetDiscriminator(width)
    return VGGDiscriminator(crop, 4 if crop < 128 else 5, width, hidden)
