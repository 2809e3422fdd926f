"""DeblurGAN (Kupyn et al. 2018): blind motion deblurring by a Wasserstein GAN, and the same training with ASAPNet's generator.

    darkroom train deblurgan laptop       three minutes on two CPU cores, nothing to download; about as good as its input
    darkroom train deblurgan small        camera shake on BSDS500, a small generator; a quarter of an hour on one CPU core
    darkroom train deblurgan synthetic    camera shake on BSDS500; days on one GPU (estimated)
    darkroom train deblurgan asapnet      the same with a spatially adaptive pixelwise generator
    darkroom train deblurgan gopro        Table 1 of the paper; days on one GPU (estimated), with VGG-19's features (548 MB)

`gopro_released` has the generator of the released code, with half of the paper's convolutions. Rows without VGG-19's features
compare pixels instead. The critic takes five steps, on batches of their own, for one of the generator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from darkroom.core.randomness import generator
from darkroom.core.record import Published
from darkroom.engine.run import Run
from darkroom.methods.regression import absolute_error
from darkroom.methods.wgan import WGAN
from darkroom.networks.asapnet_deblurring import ASAPNetDeblurring
from darkroom.networks.deblurgan import DeblurGAN, PatchCritic
from darkroom.networks.vgg import VGGDistance
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import deblurring
from darkroom.recipes.protocols.distributions import DistanceOptions

TASK = "deblurring"


@dataclass(frozen=True)
class GeneratorOptions:
    """The generator."""

    generator: Literal["deblurgan", "asapnet"] = "deblurgan"
    """deblurgan (residual blocks) or asapnet (a pixelwise network for each tile)."""
    width: int = 64
    """Features of the generator's first layer."""
    blocks: int = 9
    """Residual blocks of deblurgan."""
    convolutions: int = 2
    """In each block of deblurgan: 2 as in the paper, 1 as in the released code."""
    dropout: float = 0.5
    """Between the convolutions of a block."""


@dataclass(frozen=True)
class CriticOptions:
    """The critic and the losses."""

    critic_width: int = 64
    """Features of the critic's first layer."""
    critic_steps: int = 5
    """Steps of the critic for one of the generator."""
    penalty: float = 10.0
    """Weight of the gradient penalty."""
    content: Literal["vgg", "l1"] = "vgg"
    """Content loss: vgg (features of VGG-19 at conv3_3) or l1 (pixels)."""
    content_weight: float = 100.0
    """Weight w of the content loss. With l1 the gradient of the content loss is w/sqrt(N) times that of a critic of slope 1, for images
    of N values."""
    vgg19: str = ""
    """A file with torchvision's VGG-19; by default PyTorch's cache, else a download."""


_SYNTHETIC = dict(train_set="bsds400", test_set="bsd100", content="l1", content_weight=2500.0, patch_size=320)
_SMALL = {
    **_SYNTHETIC,
    "image_count": 20,
    "support": 33,
    "width": 24,
    "blocks": 6,
    "dropout": 0.0,
    "critic_width": 24,
    "critic_steps": 2,
    "content_weight": 1000.0,
    "patch_size": 128,
    "batch_size": 4,
    "steps": 1200,
    "lr": 2e-4,
}
_LAPTOP = dict(
    content="l1",
    train_set="embedded",
    test_set="embedded",
    shuffle_colors=True,
    support=17,
    width=16,
    blocks=4,
    critic_width=16,
    critic_steps=2,
    content_weight=600.0,
    patch_size=80,
    batch_size=2,
    steps=600,
    lr=2e-4,
)

ROWS = {
    "gopro": dict(),
    "gopro_released": dict(convolutions=1),
    "asapnet_gopro": dict(generator="asapnet"),
    "synthetic": dict(_SYNTHETIC),
    "asapnet": {**_SYNTHETIC, "generator": "asapnet"},
    "small": _SMALL,
    "small_asapnet": {**_SMALL, "generator": "asapnet"},
    "laptop": dict(_LAPTOP),
    "laptop_asapnet": {**_LAPTOP, "generator": "asapnet"},
}

_GOPRO = [
    Published("psnr", "gopro", 28.7, "Kupyn et al. 2018, Table 1, as printed"),
    Published("ssim", "gopro", 0.958, "Kupyn et al. 2018, Table 1, as printed"),
    Published("psnr", "gopro", 29.55, "Kupyn et al. 2019, Table 1", method="DeblurGAN-v2"),
    Published("ssim", "gopro", 0.934, "Kupyn et al. 2019, Table 1", method="DeblurGAN-v2"),
]

PUBLISHED = {"gopro": _GOPRO, "gopro_released": _GOPRO}


def recipe(
    network: GeneratorOptions = GeneratorOptions(),
    critic: CriticOptions = CriticOptions(),
    support: int = 65,
    image_count: int = 0,
    distances: DistanceOptions = DistanceOptions(),
    data: DataOptions = DataOptions("gopro", "gopro", patch_size=256, batch_size=1),
    optimization: OptimizationOptions = OptimizationOptions(630_000, 1e-4, "constant_linear", (0.5,)),
    seed: int = 0,
) -> Run:
    """A generator that sharpens a shaken photograph, trained against a critic.

    Args:
        network: The generator.
        critic: The critic and the losses.
        support: Side of the kernels of synthetic shake, in pixels.
        image_count: Test images, the first ones; 0 for all.
        distances: Networks in whose features the restored and the sharp images are compared as sets.
        data: Training and test images; gopro, or sharp images that are shaken. Patches are of the sharp image before shaking.
        optimization: Adam, of both networks.
        seed: Of weights, patches and shakes.
    """
    made = _generator(network).initialise(generator(seed, "weights"))
    content, requires = _content(critic)
    method = WGAN(
        made,
        PatchCritic(critic.critic_width).initialise(generator(seed, "critic")),
        content,
        content_weight=critic.content_weight,
        critic_steps=critic.critic_steps,
        penalty=critic.penalty,
    )
    shaken = ShakenPair(CameraShake(support))
    evaluations = deblurring.evaluations(data.test_set, shaken, image_count=image_count, distances=distances.metrics())
    betas = (0.5, 0.999)
    return Run(
        method=method,
        stream=deblurring.stream(data, shaken, seed),
        optimizers={"generator": optimization.adam(betas), "critic": optimization.adam(betas, ema=False)},
        steps=optimization.steps,
        validation=deblurring.validation(evaluations),
        validation_interval=optimization.validation_interval,
        evaluations=evaluations,
        network=made,
        requires=[*requires, *distances.requirements()],
        seed=seed,
    )


def _generator(options: GeneratorOptions) -> DeblurGAN | ASAPNetDeblurring:
    if options.generator == "asapnet":
        return ASAPNetDeblurring(width=options.width)
    return DeblurGAN(options.width, options.blocks, convolutions=options.convolutions, dropout=options.dropout)


def _content(options: CriticOptions) -> tuple[Callable[[Tensor, Tensor], Tensor], list[Callable[[], object]]]:
    """The content loss, and what it requires."""
    if options.content == "l1":
        return absolute_error, []
    distance = VGGDistance(Path(options.vgg19) if options.vgg19 else None, layer="conv3_3", exponent=2)
    return distance, [distance.find]
