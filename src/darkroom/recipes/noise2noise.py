"""Noise2Noise: Learning Image Restoration without Clean Data (Lehtinen, Munkberg, Hasselgren, et al. 2018).

    darkroom train noise2noise laptop           three minutes on two CPU cores, nothing to download, trained without clean images
    darkroom train noise2noise gaussian         Table 1: colour, sigma 25; hours on one GPU (estimated)
    darkroom train noise2noise images_16        sixteen images with fixed noise; the study of how many images are needed
    darkroom report noise2noise                 noisy targets beside clean ones, and their gap against the number of images

Every row has a counterpart with clean targets (`..._clean`) and the same evaluation. The paper trains on 50,000 images of
ImageNet; here 400 of BSDS500 serve, and the paper's BSD300 is BSD100. With noisy targets the loss depends on the noise: squared
error for zero-mean noise (gaussian, blind, poisson), absolute error for text, the annealed L0 loss for impulses. With clean
targets it is the squared error.
"""

from collections.abc import Mapping
from typing import Literal

from darkroom.core.method import Method
from darkroom.core.randomness import generator
from darkroom.core.record import Published, Study
from darkroom.core.stream import Stream
from darkroom.data.fixed_degradation import FixedDegradation
from darkroom.data.named_sets import evaluation_images, training_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Run
from darkroom.evaluations.paired_images import PairedImages
from darkroom.methods.annealed_l0 import AnnealedL0
from darkroom.methods.regression import Regression, absolute_error, squared_error
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.networks.noise2noise_unet import Noise2NoiseUNet
from darkroom.operators.noise import Gaussian, Impulse, Noise, NoisyPair, NoisyTargetPair, Poisson, TextOverlay
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import denoising
from darkroom.solvers import classical

TASK = "denoising"

Kind = Literal["gaussian", "blind", "poisson", "impulse", "text"]

_TRAINING: dict[str, Noise] = {
    "gaussian": Gaussian(25.0),
    "blind": Gaussian((0.0, 50.0)),
    "poisson": Poisson(30.0),
    "impulse": Impulse((0.0, 0.95)),
    "text": TextOverlay((0.0, 0.5)),
}
_EVALUATION: dict[str, list[tuple[str, float, Noise]]] = {
    "gaussian": [("sigma", 25.0, Gaussian(25.0))],
    "blind": [("sigma", sigma, Gaussian(sigma)) for sigma in (10.0, 25.0, 50.0)],
    "poisson": [("peak", 30.0, Poisson(30.0))],
    "impulse": [("impulses", 0.7, Impulse(0.7))],
    "text": [("text", 0.25, TextOverlay(0.25))],
}

_LAPTOP = dict(
    train_set="embedded",
    test_set="embedded",
    width=32,
    residual=True,
    shuffle_colors=True,
    patch_size=64,
    batch_size=4,
    steps=3200,
    lr=1e-3,
)
_FEW = dict(fixed_noise=True, residual=True, width=32, patch_size=64, batch_size=4, steps=4000, lr=1e-3)
_CLEAN = dict(targets="clean")

ROWS: Mapping[str, Mapping[str, object]] = {
    "gaussian": dict(),
    "gaussian_clean": _CLEAN,
    "blind": dict(noise="blind"),
    "blind_clean": dict(noise="blind", **_CLEAN),
    "poisson": dict(noise="poisson"),
    "poisson_clean": dict(noise="poisson", **_CLEAN),
    "impulse": dict(noise="impulse"),
    "impulse_clean": dict(noise="impulse", **_CLEAN),
    "text": dict(noise="text"),
    "text_clean": dict(noise="text", **_CLEAN),
    "images_1": dict(image_count=1, **_FEW),
    "images_1_clean": dict(image_count=1, **_FEW, **_CLEAN),
    "images_4": dict(image_count=4, **_FEW),
    "images_4_clean": dict(image_count=4, **_FEW, **_CLEAN),
    "images_16": dict(image_count=16, **_FEW),
    "images_16_clean": dict(image_count=16, **_FEW, **_CLEAN),
    "images_64": dict(image_count=64, **_FEW),
    "images_64_clean": dict(image_count=64, **_FEW, **_CLEAN),
    "images_256": dict(image_count=256, **_FEW),
    "images_256_clean": dict(image_count=256, **_FEW, **_CLEAN),
    "laptop": _LAPTOP,
    "laptop_clean": {**_LAPTOP, **_CLEAN},
}

STUDIES = (Study(along="image_count", between="targets", first="clean", second="noisy"),)

_TABLE_1 = "Lehtinen et al. 2018, Table 1"


def _published(kodak: float, bsd300: float, set14: float) -> list[Published]:
    values = {"kodak24": kodak, "bsd100": bsd300, "set14": set14}
    return [Published("psnr", dataset, value, _TABLE_1, {"sigma": 25.0}) for dataset, value in values.items()]


PUBLISHED = {"gaussian_clean": _published(32.50, 31.07, 31.31), "gaussian": _published(32.48, 31.06, 31.28)}


def recipe(
    noise: Kind = "gaussian",
    targets: Literal["noisy", "clean"] = "noisy",
    image_count: int = 0,
    fixed_noise: bool = False,
    width: int = 48,
    residual: bool = False,
    data: DataOptions = DataOptions("bsds400", "bsd100", ("kodak24", "set14"), patch_size=128, batch_size=4),
    optimization: OptimizationOptions = OptimizationOptions(200_000, 3e-4, "cosine", clip=5.0),
    seed: int = 0,
) -> Run:
    """The paper's U-Net on one kind of noise, with noisy targets or clean ones.

    Args:
        noise: gaussian (sigma 25), blind (sigma from 0 to 50), poisson (peak 30), impulse (random-valued, up to 95 % of the
            pixels; evaluated at 70 %), text (up to half of the image covered; evaluated at a quarter).
        targets: A second noisy copy of the image, or the clean image.
        image_count: Number of training images, the first ones; 0 for all.
        fixed_noise: Draw the noise of every training image once, as a camera does, rather than for every patch.
        width: Features of the encoder.
        residual: The network predicts the residual to its input; the paper's predicts the image.
        data: Training and test images.
        optimization: Adam.
        seed: Of weights, patches and noise.
    """
    network = Noise2NoiseUNet(3, width, residual=residual).initialise(generator(seed, "weights"))
    method: Method = Regression(network, absolute_error if (noise, targets) == ("text", "noisy") else squared_error)
    if (noise, targets) == ("impulse", "noisy"):
        method = AnnealedL0(network, optimization.steps)
    evaluations = [
        evaluation
        for name in (data.test_set, *data.benchmark_sets)
        for evaluation in _evaluations(noise, name, optional=name != data.test_set, classical_baselines=not fixed_noise)
    ]
    return Run(
        method=method,
        stream=_stream(noise, targets, image_count, fixed_noise, data, seed),
        optimizers={"network": optimization.adam(betas=(0.9, 0.99))},
        steps=optimization.steps,
        validation=denoising.validation([evaluation for evaluation in evaluations if not evaluation.optional]),
        validation_interval=optimization.validation_interval,
        evaluations=evaluations,
        network=network,
        seed=seed,
    )


def _stream(noise: Kind, targets: str, image_count: int, fixed_noise: bool, data: DataOptions, seed: int) -> Stream:
    images = training_images(data.train_set)
    images = images.first(image_count) if image_count else images
    degradation = (NoisyTargetPair if targets == "noisy" else NoisyPair)(_TRAINING[noise])
    drawn = dict(patch_size=data.patch_size, batch_size=data.batch_size, seed=seed)
    if fixed_noise:
        return PatchStream(FixedDegradation(images, degradation, seed=seed), **drawn)  # type: ignore[arg-type]
    return PatchStream(images, degradation, shuffle_colors=data.shuffle_colors, **drawn)  # type: ignore[arg-type]


def _evaluations(noise: Kind, name: str, *, optional: bool, classical_baselines: bool) -> list[PairedImages]:
    evaluations = []
    for quantity, level, model in _EVALUATION[noise]:
        baselines = {"noisy input": classical.with_noise_level(classical.unchanged, 0.0)}
        if quantity == "sigma" and classical_baselines:
            baselines = classical.baselines(level)
        evaluations.append(
            PairedImages(
                evaluation_images(name),
                NoisyPair(model),
                (psnr, ssim),
                variant={quantity: level},
                baselines=baselines,
                optional=optional,
            )
        )
    return evaluations
