"""Super-resolution ×2 as it is taught: a plain convolutional network after bilinear enlargement, and its studies.

    darkroom train basic_sr laptop      under three minutes on two CPU cores, nothing to download
    darkroom train basic_sr all         the study: baseline, residual, and four learning rates; on BSDS500 without BSD100
    darkroom report basic_sr            one page: table, curves of all rows over each other, the same crop under all

Crops of 64, colours jittered by 0.2, reduced bilinearly with antialiasing; L1, Adam. Every row is judged on BSD100 under
bilinear, bicubic and nearest reduction, and by the standard protocol on the sets that are there.
"""

from typing import Literal

from torch import nn

from darkroom.core.randomness import generator
from darkroom.data.photographs import judging, training
from darkroom.data.super_resolution import SRDataset
from darkroom.engine.run import Judge, Run, adam, constant, linear
from darkroom.methods.regression import Regression
from darkroom.metrics.fidelity import l1, psnr, ssim
from darkroom.networks.basic_sr import BasicSRModel
from darkroom.operators.resample import Kernel, ReducedPair, enlargements
from darkroom.recipes.protocols import super_resolution

ROWS = {
    "baseline": dict(),
    "residual": dict(residual=True),
    "rate_1e-2": dict(rate=1e-2),
    "rate_1e-3": dict(rate=1e-3),
    "rate_1e-5": dict(rate=1e-5),
    "rate_1e-6": dict(rate=1e-6),
    "laptop": dict(
        residual=True,
        blocks=6,
        channels=32,
        photos="embedded",
        judged_on="embedded",
        standard=(),
        shuffle_colors=True,
        jitter=0.0,
        batch=4,
        steps=5000,
        rate=1e-3,
        schedule="linear",
        clip=5.0,
    ),
}

PROTOCOL = frozenset({"factor"})
"""Settings that, when changed, make a number measure something else than the published ones."""

PUBLISHED = {row: super_resolution.beside(2) for row in ROWS if row != "laptop"}


def recipe(
    residual: bool = False,
    blocks: int = 10,
    channels: int = 64,
    factor: int = 2,
    photos: str = "bsds400",
    judged_on: str = "bsd100",
    standard: tuple[str, ...] = super_resolution.SETS,
    kernel: Kernel = "bilinear",
    antialias: bool = True,
    crop: int = 64,
    jitter: float = 0.2,
    shuffle_colors: bool = False,
    batch: int = 16,
    steps: int = 50_000,
    rate: float = 1e-4,
    schedule: Literal["constant", "linear"] = "constant",
    clip: float | None = None,
    seed: int = 0,
) -> Run:
    """BasicSRModel on reduced pictures.

    Args:
        residual: the network predicts what the enlarged picture lacks, not the picture.
        blocks: convolutions in the middle of the network.
        channels: features of the hidden layers.
        factor: how many times pictures are enlarged.
        photos: pictures to learn from: embedded, bsds400, or a folder.
        judged_on: pictures to judge on: embedded, bsd100, or a folder.
        standard: sets to judge on by the standard protocol too, where they are there.
        kernel: of the reduction in training.
        antialias: whether reductions widen their kernel, as torchvision's Resize does.
        crop: side of the training crops in pixels, before reduction.
        jitter: how far brightness, contrast, saturation and hue of training crops are moved.
        shuffle_colors: exchange the colour channels of training crops at random.
        batch: crops a step.
        steps: length of the training.
        rate: Adam's learning rate.
        schedule: the rate as it is, or linearly to zero.
        clip: largest norm of the gradient.
        seed: of weights and crops.
    """
    network = BasicSRModel(blocks, channels, residual=residual, factor=factor).initialise(generator(seed, "weights"))
    judged = judging(judged_on)
    kernels: tuple[Kernel, ...] = ("bilinear", "bicubic", "nearest")
    judges = [
        Judge(
            judged, ReducedPair(factor, k, antialias, quantised=False), (psnr, ssim, l1), {"reduction": k}, enlargements(factor)
        )
        for k in kernels
    ]
    learned = ReducedPair(factor, kernel, antialias, quantised=False)
    data = SRDataset(training(photos), factor=factor, crop=crop, jitter=jitter, kernel=kernel, antialias=antialias)
    return Run(
        method=Regression(network, nn.L1Loss()),
        stream=data.stream(batch, seed, shuffle_colors=shuffle_colors),
        optimizers={"network": adam(rate, schedule=linear if schedule == "linear" else constant, clip=clip)},
        steps=steps,
        validation=Judge(judged.first(8), learned, (psnr, ssim, l1)),
        validate_every=max(1, steps // 10),
        judges=[*judges, *super_resolution.judges(factor, None, standard)],
        restorer=network,
        seed=seed,
    )
