"""SwinIR: Image Restoration Using Swin Transformer (Liang, Cao, Sun, Zhang, Van Gool, Timofte 2021): Gaussian denoising.

    darkroom train swinir laptop              three minutes on two CPU cores, nothing to download; a very small network
    darkroom train swinir s15                 Table 6: grey BSD68 at sigma 15; days on several GPUs (estimated)
    darkroom train swinir s25                 starts from the final weights of s15, as the paper's does
    darkroom train swinir color               one colour network for sigma 10 to 55, evaluated at 15, 25 and 50
    darkroom train swinir blind               the same in grey, and ...
    darkroom train swinir noise_conditional   ... the same with its output projected to the noise level (UDNet): does it help?
    darkroom train swinir photo               colour, on noise that is clipped and rounded to 8 bits, as in image files

The 432 images of BSDS500 outside BSD68 serve for training (the paper: DIV2K, Flickr2K, BSDS500 and WED).
"""

from darkroom.core.randomness import generator
from darkroom.core.record import Published
from darkroom.data.named_sets import evaluation_images, training_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import InitialWeights, Run
from darkroom.methods.regression import Regression, charbonnier
from darkroom.networks.projected import Projected
from darkroom.networks.swinir import SwinIR
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import denoising

TASK = "denoising"

_SIGMAS = (15.0, 25.0, 50.0)
_MANY = dict(sigma=(10.0, 55.0), test_sigmas=_SIGMAS)
_LAPTOP = dict(
    color=True,
    width=24,
    depths=(2, 2),
    heads=2,
    train_set="embedded",
    test_set="embedded",
    shuffle_colors=True,
    patch_size=48,
    batch_size=2,
    steps=2400,
    lr=1e-3,
    schedule="cosine",
    clip=1.0,
    ema=0.99,
)

ROWS = {
    "s15": dict(sigma=15.0, test_sigmas=(15.0,)),
    "s25": dict(sigma=25.0, test_sigmas=(25.0,), start="s15"),
    "s50": dict(sigma=50.0, test_sigmas=(50.0,), start="s15"),
    "color": {**_MANY, "color": True},
    "blind": _MANY,
    "noise_conditional": {**_MANY, "projected": True},
    "photo": {**_MANY, "color": True, "quantised": True},
    "laptop": {**_LAPTOP, "sigma": 25.0, "test_sigmas": (25.0,)},
    "laptop_blind": {**_LAPTOP, **_MANY},
    "laptop_noise_conditional": {**_LAPTOP, **_MANY, "projected": True},
    "laptop_photo": {**_LAPTOP, **_MANY, "quantised": True},
}


def _published(dataset: str, values: tuple[float, float, float], source: str) -> dict[float, Published]:
    return {
        sigma: Published("psnr", dataset, value, source, {"sigma": sigma}) for sigma, value in zip(_SIGMAS, values, strict=True)
    }


_GREY = _published("bsd68", (31.97, 29.50, 26.58), "Liang et al. 2021, Table 5 (a network for each sigma)")
_COLOR = _published("cbsd68", (34.42, 31.78, 28.56), "Liang et al. 2021, Table 6 (a network for each sigma)")

PUBLISHED = {
    "s15": [_GREY[15.0]],
    "s25": [_GREY[25.0]],
    "s50": [_GREY[50.0]],
    "color": list(_COLOR.values()),
    "blind": list(_GREY.values()),
    "noise_conditional": list(_GREY.values()),
}

_HALVED = OptimizationOptions(1_600_000, 2e-4, "multistep", (0.5, 0.8, 0.9, 0.9375), gamma=0.5, ema=0.999)


def recipe(
    sigma: float | tuple[float, float] = 25.0,
    test_sigmas: tuple[float, ...] = (25.0,),
    color: bool = False,
    quantised: bool = False,
    projected: bool = False,
    start: str | None = None,
    width: int = 180,
    depths: tuple[int, ...] = (6, 6, 6, 6, 6, 6),
    heads: int = 6,
    data: DataOptions = DataOptions("bsds500", "bsd68", patch_size=128, batch_size=8),
    optimization: OptimizationOptions = _HALVED,
    seed: int = 0,
) -> Run:
    """SwinIR on additive Gaussian noise.

    Args:
        sigma: Noise level in training (0-255 scale), or two bounds to draw it between.
        test_sigmas: Noise levels of the evaluation.
        color: RGB rather than grey images.
        quantised: Clip the noisy image and round it to 8 bits, in training and in evaluation.
        projected: Noise-conditional, by projecting the network's output (UDNet).
        start: Row of this recipe whose final weights the training starts from; of the same network.
        width: Features.
        depths: Layers of each group.
        heads: Of the attention.
        data: Training and test images.
        optimization: Adam.
        seed: Of weights, patches and noise.
    """
    grey = not color
    transformer = SwinIR(1 if grey else 3, width=width, depths=depths, heads=heads).initialise(generator(seed, "weights"))
    network = Projected(transformer) if projected else transformer
    evaluations = denoising.evaluations(
        evaluation_images(data.test_set, grey=grey), test_sigmas, quantised=quantised, noise_conditional=projected
    )
    return Run(
        method=Regression(network, charbonnier),
        stream=PatchStream(
            training_images(data.train_set, grey=grey),
            NoisyPair(Gaussian(sigma, quantised), projected),
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
        initial=InitialWeights("swinir", start, transformer) if start else None,
        seed=seed,
    )
