"""Spatially-Adaptive Pixelwise Networks for Fast Image Translation (Shaham, Gharbi, Zhang, Shechtman, Michaeli 2021): ASAPNet.

    darkroom train asapnet laptop          three minutes on two CPU cores, nothing to download; drawn scenes from label maps
    darkroom train asapnet facades_small   128x128, fewer features; half an hour on one CPU core, as camvid_small
    darkroom train asapnet camvid          367 street scenes, without VGG-19; hours on one GPU (estimated)
    darkroom train asapnet cityscapes      2975 street scenes at 256x512, instance edges, VGG-19's features (548 MB); days on one GPU

Hinge loss, feature matching and VGG-19's features, 200 epochs and 100 more with a decaying learning rate. Weights of losses are on
the scale of a mean over discriminators and layers: 40 of feature matching is the paper's 10 of a sum over four layers.
"""

from dataclasses import dataclass

from darkroom.engine.run import Run
from darkroom.networks.asapnet import ASAPNet
from darkroom.recipes.options import OptimizationOptions
from darkroom.recipes.protocols import translation as published
from darkroom.recipes.protocols.distributions import DistanceOptions
from darkroom.recipes.translation import SMALL_PAIRS, LossOptions, PairOptions, drawn, translation_run

TASK = "image translation"


@dataclass(frozen=True)
class GeneratorOptions:
    """The generator."""

    width: int = 64
    """Features of the low-resolution stream's first layer."""
    downsamplings: int = 4
    """Its strided convolutions."""
    depth: int = 7
    """Its 3x3 convolutions, the strided ones included."""
    grid: int = 16
    """Tiles along the shorter side of an image."""
    octaves: int = 4
    """Of the positional encoding in a tile: 2 to this power is its side in training images."""
    pixel_width: int = 64
    """Features of the pixelwise networks."""
    pixel_depth: int = 5
    """Layers of the pixelwise networks."""


_WITH_VGG = dict(perceptual_weight=10.0, instances=True)
_SMALL = dict(
    width=32,
    grid=8,
    discriminator_width=32,
    batch_size=1,
    feature_weights="segmentation/camvid",
    steps=3000,
    discriminator_lr=1e-4,
)

ROWS = {
    "cityscapes": dict(_WITH_VGG),
    "cityscapes_hd": dict(size=(512, 1024), octaves=5, **_WITH_VGG),
    "camvid": dict(pairs="camvid", size=(192, 256), batch_size=4, steps=27_500),
    "facades": dict(pairs="facades", size=(256, 256), margin=30, batch_size=4, steps=30_000),
    "facades_small": dict(**SMALL_PAIRS["facades_small"], **_SMALL),
    "camvid_small": dict(**SMALL_PAIRS["camvid_small"], **_SMALL),
    "laptop": dict(
        pairs="shapes",
        size=(64, 64),
        margin=8,
        instances=True,
        width=16,
        downsamplings=3,
        depth=4,
        grid=8,
        octaves=3,
        pixel_width=24,
        discriminator_width=16,
        batch_size=2,
        steps=1200,
        lr=1e-3,
        discriminator_lr=1e-3,
    ),
}

PUBLISHED = {"cityscapes": published.cityscapes(), "cityscapes_hd": published.cityscapes_hd("ASAPNet")}


def recipe(
    network: GeneratorOptions = GeneratorOptions(),
    pairs: PairOptions = PairOptions("cityscapes", (256, 512), margin=0, batch_size=16),
    losses: LossOptions = LossOptions("hinge", matching_weight=40.0, scales=2, spectral=True, discriminator_lr=4e-4),
    distances: DistanceOptions = DistanceOptions(),
    optimization: OptimizationOptions = OptimizationOptions(55_800, 1e-4, "constant_linear", (2 / 3,)),
    seed: int = 0,
) -> Run:
    """ASAPNet: the parameters of one small perceptron for each tile, predicted at low resolution.

    Args:
        network: The generator.
        pairs: Training and test pairs.
        losses: The discriminators and the losses.
        distances: The networks of the distribution distances.
        optimization: Adam, of the generator.
        seed: Of weights and pairs.
    """
    made = drawn(lambda: ASAPNet(pairs.label_count, edges=pairs.instances, **vars(network)), seed)
    return translation_run(made, pairs, losses, distances, optimization, betas=(0.0, 0.9), affine=False, seed=seed)
