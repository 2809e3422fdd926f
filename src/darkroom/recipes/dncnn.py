"""Beyond a Gaussian Denoiser (Zhang, Zuo, Chen, Meng, Zhang 2017): Gaussian denoising with DnCNN.

    darkroom train dncnn laptop     three minutes on two CPU cores, nothing to download; about 31.4 dB
    darkroom train dncnn s25        Table II, DnCNN-S: grey BSD68 at sigma 25; hours on one GPU (estimated)
    darkroom train dncnn color      CDnCNN-B: one colour network for every sigma up to 55; a night on one GPU (estimated)

The paper trains on 400 images of 180x180 (or 432 for the blind and colour networks); here the 432 images of BSDS500 that are not
in BSD68 serve for all rows. `photo` is for photographs: its noise is clipped and rounded to 8 bits, as in image files.
"""

from darkroom.core.randomness import generator
from darkroom.core.record import Published
from darkroom.data.named_sets import evaluation_images, training_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Run
from darkroom.methods.regression import Regression, half_squared_error
from darkroom.networks.dncnn import DnCNN
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import denoising

TASK = "denoising"

_SIGMAS = (15.0, 25.0, 50.0)
_BLIND = dict(sigma=(0.0, 55.0), test_sigmas=_SIGMAS, depth=20, patch_size=50, steps=150_000)
_LAPTOP = dict(
    color=True,
    width=32,
    depth=9,
    batch_norm=False,  # in so short a training its statistics cost more than they gain
    train_set="embedded",
    test_set="embedded",
    shuffle_colors=True,  # there are only five training images
    patch_size=48,
    batch_size=4,
    steps=9000,
    schedule="linear",
    clip=5.0,
)

ROWS = {
    "s15": dict(sigma=15.0, test_sigmas=(15.0,)),
    "s25": dict(sigma=25.0, test_sigmas=(25.0,)),
    "s50": dict(sigma=50.0, test_sigmas=(50.0,)),
    "blind": _BLIND,
    "color": {**_BLIND, "color": True},
    "noise_conditional": {**_BLIND, "color": True, "sigma": (10.0, 55.0), "noise_conditional": True},
    "photo": {**_BLIND, "color": True, "quantised": True},
    "laptop": {**_LAPTOP, "sigma": 25.0, "test_sigmas": (25.0,)},
    "laptop_photo": {**_LAPTOP, "sigma": (0.0, 55.0), "test_sigmas": _SIGMAS, "quantised": True},
}

_TABLE_2 = "Zhang et al. 2017, Table II"


def _published(dataset: str, values: dict[float, float], source: str, method: str = "ours") -> list[Published]:
    return [Published("psnr", dataset, value, source, {"sigma": sigma}, method) for sigma, value in values.items()]


_OTHERS = [
    *_published("bsd68", {15.0: 31.07, 25.0: 28.57, 50.0: 25.62}, _TABLE_2, "BM3D"),
    *_published("bsd68", {15.0: 31.37, 25.0: 28.83, 50.0: 25.87}, _TABLE_2, "WNNM"),
    *_published("bsd68", {15.0: 31.42, 25.0: 28.92, 50.0: 25.97}, _TABLE_2, "TNRD"),
]


def _table_2(values: dict[float, float]) -> list[Published]:
    others = [number for number in _OTHERS if number.variant["sigma"] in values]
    return [*_published("bsd68", values, _TABLE_2), *others]


PUBLISHED = {
    "s15": _table_2({15.0: 31.73}),
    "s25": _table_2({25.0: 29.23}),
    "s50": _table_2({50.0: 26.23}),
    "blind": _table_2({15.0: 31.61, 25.0: 29.16, 50.0: 26.23}),
    "color": _published(
        "cbsd68", {15.0: 33.89, 25.0: 31.23, 50.0: 27.92}, "CDnCNN-B, as printed by Zhang, Zuo, Zhang 2018 (FFDNet)"
    ),
}


def recipe(
    sigma: float | tuple[float, float] = 25.0,
    test_sigmas: tuple[float, ...] = (25.0,),
    color: bool = False,
    quantised: bool = False,
    noise_conditional: bool = False,
    width: int = 64,
    depth: int = 17,
    batch_norm: bool = True,
    data: DataOptions = DataOptions("bsds500", "bsd68", patch_size=40, batch_size=128),
    optimization: OptimizationOptions = OptimizationOptions(80_000, 1e-3, "multistep", (0.6,)),
    seed: int = 0,
) -> Run:
    """DnCNN on additive Gaussian noise.

    Args:
        sigma: Noise level in training (0-255 scale), or two bounds to draw it between.
        test_sigmas: Noise levels of the evaluation.
        color: RGB rather than grey images.
        quantised: Clip the noisy image and round it to 8 bits, in training and in evaluation.
        noise_conditional: Give the network the noise level (the non-blind variant).
        width: Features of the hidden layers.
        depth: Number of convolutions.
        batch_norm: Batch normalisation between the first and the last convolution.
        data: Training and test images.
        optimization: Adam.
        seed: Of weights, patches and noise.
    """
    grey = not color
    network = DnCNN(1 if grey else 3, width, depth, batch_norm=batch_norm, noise_conditional=noise_conditional)
    network.initialise(generator(seed, "weights"))
    evaluations = denoising.evaluations(
        evaluation_images(data.test_set, grey=grey), test_sigmas, quantised=quantised, noise_conditional=noise_conditional
    )
    return Run(
        method=Regression(network, half_squared_error),
        stream=PatchStream(
            training_images(data.train_set, grey=grey),
            NoisyPair(Gaussian(sigma, quantised), noise_conditional),
            patch_size=data.patch_size,
            batch_size=data.batch_size,
            seed=seed,
            shuffle_colors=data.shuffle_colors,
        ),
        optimizers={"network": optimization.adam()},
        steps=optimization.steps,
        validation=denoising.validation(evaluations),
        validation_interval=optimization.validation_interval,
        evaluations=evaluations,
        network=network,
        seed=seed,
    )
