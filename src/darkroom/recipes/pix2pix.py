"""Image-to-Image Translation with Conditional Adversarial Networks (Isola, Zhu, Zhou, Efros 2017): a U-Net against a PatchGAN.

    darkroom train pix2pix laptop          three minutes on two CPU cores, nothing to download; drawn scenes from label maps
    darkroom train pix2pix facades_small   128x128, fewer features; a quarter of an hour on one CPU core, as camvid_small
    darkroom train pix2pix facades         400 facades, 200 epochs; hours on one GPU (estimated)
    darkroom train pix2pix camvid          367 street scenes; hours on one GPU (estimated)
    darkroom train pix2pix cityscapes      2975 street scenes at 256x512; days on one GPU (estimated)

Then `darkroom apply maps/ -o photos/ --weights runs/pix2pix/facades`. The paper trains with batches of one image; the input of
`facades` is the label map in colours, as the paper's, and otherwise one channel for each label.
"""

from dataclasses import dataclass

from darkroom.engine.run import Run
from darkroom.networks.pix2pix import UNetGenerator
from darkroom.recipes.options import OptimizationOptions
from darkroom.recipes.protocols import translation as published
from darkroom.recipes.protocols.distributions import DistanceOptions
from darkroom.recipes.translation import SMALL_PAIRS, LossOptions, PairOptions, drawn, translation_run

TASK = "image translation"


@dataclass(frozen=True)
class GeneratorOptions:
    """The generator."""

    width: int = 64
    """Features of the U-Net's first layer."""
    levels: int = 8
    """Strided convolutions; both sides of an image are multiples of 2 to this power."""
    dropout: float = 0.5
    """Probability, in the first layers of the decoder."""


_SMALL = dict(width=32, discriminator_width=32, feature_weights="segmentation/camvid", steps=3000)

ROWS = {
    "facades": dict(),
    "camvid": dict(pairs="camvid", size=(192, 256), margin=24, levels=6, steps=73_400),
    "cityscapes": dict(pairs="cityscapes", size=(256, 512), steps=595_000),
    "cityscapes_hd": dict(pairs="cityscapes", size=(512, 1024), margin=60, levels=9, steps=595_000),
    "facades_small": dict(**SMALL_PAIRS["facades_small"], **_SMALL, levels=7),
    "camvid_small": dict(**SMALL_PAIRS["camvid_small"], **_SMALL, levels=5),
    "laptop": dict(
        pairs="shapes",
        size=(64, 64),
        margin=8,
        width=16,
        levels=5,
        discriminator_width=16,
        batch_size=2,
        steps=1500,
    ),
}

PUBLISHED = {"cityscapes": published.cityscapes(), "cityscapes_hd": published.cityscapes_hd()}


def recipe(
    network: GeneratorOptions = GeneratorOptions(),
    pairs: PairOptions = PairOptions(),
    losses: LossOptions = LossOptions(l1_weight=100.0),
    distances: DistanceOptions = DistanceOptions(),
    optimization: OptimizationOptions = OptimizationOptions(80_000, 2e-4, "constant_linear", (0.5,)),
    seed: int = 0,
) -> Run:
    """The U-Net of pix2pix against a discriminator of patches, with L1.

    Args:
        network: The generator.
        pairs: Training and test pairs.
        losses: The discriminator and the losses.
        distances: The networks of the distribution distances.
        optimization: Adam, of the generator.
        seed: Of weights, pairs and dropout.
    """
    made = drawn(lambda: UNetGenerator(pairs.label_count, edges=pairs.instances, **vars(network)), seed)
    return translation_run(made, pairs, losses, distances, optimization, betas=(0.5, 0.999), affine=True, seed=seed)
