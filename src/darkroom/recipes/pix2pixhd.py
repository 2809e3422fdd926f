"""High-Resolution Image Synthesis with Conditional GANs (Wang, Liu, Zhu, Tao, Kautz, Catanzaro 2018): pix2pixHD.

    darkroom train pix2pixhd laptop          three minutes on two CPU cores, nothing to download; drawn scenes from label maps
    darkroom train pix2pixhd facades_small   128x128, fewer features; half an hour on one CPU core, as camvid_small
    darkroom train pix2pixhd camvid          367 street scenes, without VGG-19; a day on one GPU (estimated)
    darkroom train pix2pixhd cityscapes      2975 street scenes at 256x512, instance edges, VGG-19's features (548 MB); days on one GPU

Two discriminators and four downsamplings, as the released code has on its command line. Weights of losses are those of the code,
on the scale of a mean over discriminators and layers: 20 of feature matching is the paper's 10 of sums. `--enhancer` puts the local
enhancer around the global generator, which the paper trains first at half the size.
"""

from dataclasses import dataclass

from darkroom.engine.run import Run
from darkroom.networks.pix2pixhd import GlobalGenerator, LocalEnhancer
from darkroom.recipes.options import OptimizationOptions
from darkroom.recipes.protocols import translation as published
from darkroom.recipes.protocols.distributions import DistanceOptions
from darkroom.recipes.translation import SMALL_PAIRS, LossOptions, PairOptions, drawn, translation_run

TASK = "image translation"


@dataclass(frozen=True)
class GeneratorOptions:
    """The generator."""

    width: int = 64
    """Features of the first layer of the global generator; half of it in the local enhancer."""
    downsamplings: int = 4
    """Strided convolutions; both sides of an image are multiples of 2 to this power."""
    blocks: int = 9
    """Residual blocks."""
    enhancer: bool = False
    """Add the local enhancer; sides are then multiples of twice as much."""


_WITH_VGG = dict(perceptual_weight=5.0, instances=True)
_SMALL = dict(width=24, blocks=6, discriminator_width=32, feature_weights="segmentation/camvid", steps=3000)

ROWS = {
    "cityscapes": dict(_WITH_VGG),
    "cityscapes_hd": dict(size=(512, 1024), **_WITH_VGG),
    "camvid": dict(pairs="camvid", size=(192, 256), steps=73_400),
    "facades": dict(pairs="facades", size=(256, 256), margin=30, steps=80_000),
    "facades_small": dict(**SMALL_PAIRS["facades_small"], **_SMALL),
    "camvid_small": dict(**SMALL_PAIRS["camvid_small"], **_SMALL),
    "laptop": dict(
        pairs="shapes",
        size=(64, 64),
        margin=8,
        instances=True,
        width=16,
        downsamplings=2,
        blocks=3,
        discriminator_width=16,
        batch_size=2,
        steps=1200,
    ),
}

PUBLISHED = {"cityscapes": published.cityscapes("pix2pixHD"), "cityscapes_hd": published.cityscapes_hd("pix2pixHD")}


def recipe(
    network: GeneratorOptions = GeneratorOptions(),
    pairs: PairOptions = PairOptions("cityscapes", (256, 512), margin=0),
    losses: LossOptions = LossOptions("least_squares", matching_weight=20.0, scales=2),
    distances: DistanceOptions = DistanceOptions(),
    optimization: OptimizationOptions = OptimizationOptions(595_000, 2e-4, "constant_linear", (0.5,)),
    seed: int = 0,
) -> Run:
    """pix2pixHD: residual blocks at low resolution, two discriminators, feature matching.

    Args:
        network: The generator.
        pairs: Training and test pairs.
        losses: The discriminators and the losses.
        distances: The networks of the distribution distances.
        optimization: Adam, of the generator.
        seed: Of weights and pairs.
    """
    made = drawn(lambda: _generator(network, pairs), seed)
    return translation_run(made, pairs, losses, distances, optimization, betas=(0.5, 0.999), affine=False, seed=seed)


def _generator(options: GeneratorOptions, pairs: PairOptions) -> GlobalGenerator | LocalEnhancer:
    kind, width = (LocalEnhancer, max(1, options.width // 2)) if options.enhancer else (GlobalGenerator, options.width)
    return kind(
        pairs.label_count,
        edges=pairs.instances,
        width=width,
        downsamplings=options.downsamplings,
        blocks=options.blocks,
    )
