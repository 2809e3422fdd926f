"""Efficient super-resolution with SAFMN (Sun, Dong, Tang, Pan 2023), by the standard protocol.

    darkroom train safmn laptop     under three minutes on two CPU cores, nothing to download
    darkroom train safmn x2         the paper's ×2 network; a day on one GPU (estimated)
    darkroom train safmn x4         the paper's ×4 network

A good choice for ×2: 38.00 dB on Set5 for 52 G multiply-adds of a 1280×720 output, where EDSR-baseline takes 316 G for 37.99 and
IMDN 159 G for 38.00. The paper trains on DIV2K and Flickr2K; here the 400 images of BSDS500 outside BSD100 serve, or any folder
(--train-set).
"""

from darkroom.core.randomness import generator
from darkroom.data.named_sets import evaluation_images, training_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Run
from darkroom.evaluations.paired_images import PairedImages
from darkroom.methods.regression import Regression, l1_and_frequencies
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.networks.safmn import SAFMN
from darkroom.operators.resample import DownscaledPair
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import super_resolution

TASK = "super-resolution"

ROWS = {
    "x2": dict(scale=2),
    "x4": dict(scale=4),
    "laptop": dict(
        scale=2,
        blocks=4,
        train_set="embedded",
        test_set="embedded",
        benchmark_sets=(),
        shuffle_colors=True,
        patch_size=64,
        batch_size=4,
        steps=3500,
        clip=5.0,
    ),
}

PUBLISHED = {"x2": super_resolution.references(2, "SAFMN"), "x4": super_resolution.references(4, "SAFMN")}


def recipe(
    scale: int = 2,
    width: int = 36,
    blocks: int = 8,
    frequency_weight: float = 0.05,
    data: DataOptions = DataOptions("bsds400", "bsd100", super_resolution.SETS, patch_size=128, batch_size=64),
    optimization: OptimizationOptions = OptimizationOptions(500_000, 1e-3, "cosine"),
    seed: int = 0,
) -> Run:
    """SAFMN on images downscaled by MATLAB's bicubic.

    Args:
        scale: Upscaling factor: 2, 3 or 4.
        width: Features.
        blocks: Feature mixing blocks.
        frequency_weight: Weight of the loss on Fourier coefficients.
        data: Training and test images; patches are of the high resolution.
        optimization: Adam.
        seed: Of weights and patches.
    """
    network = SAFMN(scale, width, blocks).initialise(generator(seed, "weights"))
    downscaled = DownscaledPair(scale, "matlab")
    metrics = (*super_resolution.metrics(scale), psnr, ssim)
    return Run(
        method=Regression(network, l1_and_frequencies(frequency_weight)),
        stream=PatchStream(
            training_images(data.train_set),
            downscaled,
            patch_size=data.patch_size,
            batch_size=data.batch_size,
            seed=seed,
            shuffle_colors=data.shuffle_colors,
        ),
        optimizers={"network": optimization.adam(betas=(0.9, 0.99))},
        steps=optimization.steps,
        validation=PairedImages(evaluation_images(data.test_set), downscaled, metrics).first(8),
        validation_interval=optimization.validation_interval,
        evaluations=super_resolution.evaluations(scale, data.test_set, data.benchmark_sets, more=(psnr, ssim)),
        network=network,
        seed=seed,
    )
