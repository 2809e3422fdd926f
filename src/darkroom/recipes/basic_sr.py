"""Super-resolution ×2 as it is taught: a plain convolutional network after bilinear upscaling, and its studies.

    darkroom train basic_sr laptop      under three minutes on two CPU cores, nothing to download
    darkroom train basic_sr all         the study: baseline, residual, and four learning rates; on BSDS500 without BSD100
    darkroom report basic_sr            one page: table, curves of all rows in one figure, the same crop of all

Patches of 64, colour jitter 0.2, antialiased bilinear downscaling; L1, Adam. Every row is evaluated on BSD100 under bilinear,
bicubic and nearest downscaling, and by the standard protocol on the sets that are present.
"""

from torch import nn

from darkroom.core.randomness import generator
from darkroom.data.named_sets import evaluation_images, training_images
from darkroom.data.super_resolution import SRDataset
from darkroom.engine.run import Run
from darkroom.evaluations.paired_images import PairedImages
from darkroom.methods.regression import Regression
from darkroom.metrics.fidelity import l1, psnr, ssim
from darkroom.networks.basic_sr import BasicSRModel
from darkroom.operators.resample import DownscaledPair, Kernel, upscalings
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import super_resolution

TASK = "super-resolution"

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
        benchmark_sets=(),
        shuffle_colors=True,
        jitter=0.0,
        batch_size=4,
        steps=5000,
        lr=1e-3,
        schedule="linear",
        clip=5.0,
    ),
}

PUBLISHED = {row: super_resolution.references(2) for row in ROWS if row != "laptop"}

_KERNELS: tuple[Kernel, ...] = ("bilinear", "bicubic", "nearest")


def recipe(
    residual: bool = False,
    blocks: int = 10,
    channels: int = 64,
    scale: int = 2,
    kernel: Kernel = "bilinear",
    antialias: bool = True,
    jitter: float = 0.2,
    data: DataOptions = DataOptions("bsds400", "bsd100", super_resolution.SETS),
    optimization: OptimizationOptions = OptimizationOptions(50_000, 1e-4),
    seed: int = 0,
) -> Run:
    """BasicSRModel on downscaled images.

    Args:
        residual: The network predicts the residual to the upscaled image, not the image.
        blocks: Convolutions in the middle of the network.
        channels: Features of the hidden layers.
        scale: Upscaling factor.
        kernel: Of the downscaling in training.
        antialias: Whether downscaling widens its kernel, as torchvision's Resize does.
        jitter: Strength of the augmentation of brightness, contrast, saturation and hue.
        data: Training and test images; patches are of the high resolution.
        optimization: Adam.
        seed: Of weights and patches.
    """
    network = BasicSRModel(blocks, channels, residual=residual, scale=scale).initialise(generator(seed, "weights"))
    images, metrics = evaluation_images(data.test_set), (psnr, ssim, l1)

    def evaluation(kernel: Kernel) -> PairedImages:
        degradation = DownscaledPair(scale, kernel, antialias, quantised=False)
        return PairedImages(
            images, degradation, metrics, variant={"reduction": kernel}, baselines=upscalings(scale, "matlab_float")
        )

    dataset = SRDataset(
        training_images(data.train_set),
        scale=scale,
        patch_size=data.patch_size,
        jitter=jitter,
        kernel=kernel,
        antialias=antialias,
    )
    standard = super_resolution.evaluations(scale, None, data.benchmark_sets)
    return Run(
        method=Regression(network, nn.L1Loss()),
        stream=dataset.stream(data.batch_size, seed, shuffle_colors=data.shuffle_colors),
        optimizers={"network": optimization.adam()},
        steps=optimization.steps,
        validation=PairedImages(images, DownscaledPair(scale, kernel, antialias, quantised=False), metrics).first(8),
        validation_interval=optimization.validation_interval,
        evaluations=[*map(evaluation, _KERNELS), *standard],
        network=network,
        seed=seed,
    )
