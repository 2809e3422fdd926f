"""Super-resolution ×2 as it is taught: a plain convolutional network after bilinear enlargement, and its studies.

    darkroom train basic_sr laptop      under three minutes on two CPU cores, nothing to download
    darkroom train basic_sr all         the study: baseline, residual, and four learning rates; on BSDS500 without BSD100
    darkroom report basic_sr            one page: table, curves of all rows over each other, the same crop under all

Crops of 64, colours jittered by 0.2, reduced bilinearly with antialiasing; L1, Adam. Every row is evaluated on BSD100 under
bilinear, bicubic and nearest reduction, and by the standard protocol on the sets that are there.
"""

from typing import Literal

from torch import nn

from darkroom.core.randomness import generator
from darkroom.data.named_sets import evaluation_images
from darkroom.data.super_resolution import SRDataset
from darkroom.engine.run import Evaluation, Run, adam, constant, linear
from darkroom.methods.regression import Regression
from darkroom.metrics.fidelity import l1, psnr, ssim
from darkroom.networks.basic_sr import BasicSRModel
from darkroom.operators.resample import Kernel, ReducedPair, enlargements
from darkroom.recipes.protocols import super_resolution

ROWS = {
    "baseline": dict(),
    "residual": dict(residual=True),
    "lr_1e-2": dict(lr=1e-2),
    "lr_1e-3": dict(lr=1e-3),
    "lr_1e-5": dict(lr=1e-5),
    "lr_1e-6": dict(lr=1e-6),
    "laptop": dict(
        residual=True,
        blocks=6,
        channels=32,
        train_set="embedded",
        test_set="embedded",
        standard=(),
        shuffle_colors=True,
        jitter=0.0,
        batch_size=4,
        steps=5000,
        lr=1e-3,
        schedule="linear",
        clip=5.0,
    ),
}

PROTOCOL = frozenset({"scale"})
"""Settings that, when changed, make a number measure something else than the published ones."""

PUBLISHED = {row: super_resolution.beside(2) for row in ROWS if row != "laptop"}


def recipe(
    residual: bool = False,
    blocks: int = 10,
    channels: int = 64,
    scale: int = 2,
    train_set: str = "bsds400",
    test_set: str = "bsd100",
    standard: tuple[str, ...] = super_resolution.SETS,
    kernel: Kernel = "bilinear",
    antialias: bool = True,
    patch_size: int = 64,
    jitter: float = 0.2,
    shuffle_colors: bool = False,
    batch_size: int = 16,
    steps: int = 50_000,
    lr: float = 1e-4,
    schedule: Literal["constant", "linear"] = "constant",
    clip: float | None = None,
    seed: int = 0,
) -> Run:
    """BasicSRModel on reduced images.

    Args:
        residual: the network predicts what the enlarged image lacks, not the image.
        blocks: convolutions in the middle of the network.
        channels: features of the hidden layers.
        scale: how many times images are enlarged.
        train_set: images to learn from: embedded, bsds400, or a folder.
        test_set: images to evaluation on: embedded, bsd100, or a folder.
        standard: sets to evaluation on by the standard protocol too, where they are there.
        kernel: of the reduction in training.
        antialias: whether reductions widen their kernel, as torchvision's Resize does.
        patch_size: side of the training crops in pixels, before reduction.
        jitter: how far brightness, contrast, saturation and hue of training crops are moved.
        shuffle_colors: exchange the colour channels of training crops at random.
        batch_size: crops a step.
        steps: length of the training.
        lr: Adam's learning rate.
        schedule: the rate as it is, or linearly to zero.
        clip: largest norm of the gradient.
        seed: of weights and crops.
    """
    network = BasicSRModel(blocks, channels, residual=residual, scale=scale).initialise(generator(seed, "weights"))
    evaluated = evaluation_images(test_set)
    kernels: tuple[Kernel, ...] = ("bilinear", "bicubic", "nearest")
    evaluations = [
        Evaluation(
            evaluated,
            ReducedPair(scale, k, antialias, quantised=False),
            (psnr, ssim, l1),
            {"reduction": k},
            enlargements(scale),
        )
        for k in kernels
    ]
    learned = ReducedPair(scale, kernel, antialias, quantised=False)
    data = SRDataset(training_images(train_set), scale=scale, patch_size=patch_size, jitter=jitter, kernel=kernel, antialias=antialias)
    return Run(
        method=Regression(network, nn.L1Loss()),
        stream=data.stream(batch, seed, shuffle_colors=shuffle_colors),
        optimizers={"network": adam(lr, schedule=linear if schedule == "linear" else constant, clip=clip)},
        steps=steps,
        validation=Evaluation(evaluated.first(8), learned, (psnr, ssim, l1)),
        validate_every=max(1, steps // 10),
        evaluations=[*evaluations, *super_resolution.evaluations(scale, None, standard)],
        restorer=network,
        seed=seed,
    )
