"""SwinIR: Image Restoration Using Swin Transformer (Liang, Cao, Sun, Zhang, Van Gool, Timofte 2021): Gaussian denoising.

    darkroom train swinir laptop        three minutes on two CPU cores, nothing to download; a very small network
    darkroom train swinir s15           Table 6: grey BSD68 at sigma 15; days on several GPUs (estimated)
    darkroom train swinir s25           starts from the weights of s15 (--start), as the paper's does
    darkroom train swinir color         one colour network for sigma 10 to 55, evaluated at 15, 25 and 50
    darkroom train swinir blind         the same in grey, and ...
    darkroom train swinir noise_conditional      ... the same with its answer projected to what sigma allows (UDNet): does it help?
    darkroom train swinir photo         color on noise that is clipped and rounded to 8 bits, as in photographs

The 432 images of BSDS500 outside BSD68 serve for training (the paper: DIV2K, Flickr2K, BSDS500 and WED).
"""

from pathlib import Path

from darkroom.core.randomness import generator
from darkroom.data.named_sets import evaluation_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Published, Run, adam, cosine, halved_after
from darkroom.methods.regression import Regression, charbonnier
from darkroom.networks.projected import Projected
from darkroom.networks.swinir import SwinIR
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.recipes import lookup
from darkroom.recipes.protocols import denoising

_ALL = (15.0, 25.0, 50.0)
_MANY = dict(sigma=(10.0, 55.0), test_sigmas=_ALL)
_LAPTOP = dict(
    color=True,
    width=24,
    depths=(2, 2),
    heads=2,
    ema=0.99,
    train_set="embedded",
    test_set="embedded",
    shuffle_colors=True,
    patch_size=48,
    batch_size=2,
    steps=2400,
    lr=1e-3,
    falling=True,
    clip=1.0,
)

ROWS = {
    "s15": dict(sigma=15.0, test_sigmas=(15.0,)),
    "s25": dict(sigma=25.0, test_sigmas=(25.0,), start="runs/swinir/s15"),
    "s50": dict(sigma=50.0, test_sigmas=(50.0,), start="runs/swinir/s15"),
    "color": {**_MANY, "color": True},
    "blind": _MANY,
    "noise_conditional": {**_MANY, "projected": True},
    "photo": {**_MANY, "color": True, "quantised": True},
    "laptop": {**_LAPTOP, "sigma": 25.0, "test_sigmas": (25.0,)},
    "laptop_blind": {**_LAPTOP, **_MANY},
    "laptop_noise_conditional": {**_LAPTOP, **_MANY, "projected": True},
    "laptop_photo": {**_LAPTOP, **_MANY, "quantised": True},
}

PROTOCOL = frozenset({"quantised", "color"})
"""Settings that, when changed, make a number measure something else than the paper's."""


def _published(dataset: str, values: tuple[float, float, float], source: str) -> dict[float, Published]:
    return {
        sigma: Published("psnr", dataset, value, source, {"sigma": sigma}) for sigma, value in zip(_ALL, values, strict=True)
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
    ema: float = 0.999,
    train_set: str = "bsds500",
    test_set: str = "bsd68",
    shuffle_colors: bool = False,
    patch_size: int = 128,
    batch_size: int = 8,
    steps: int = 1_600_000,
    lr: float = 2e-4,
    falling: bool = False,
    clip: float | None = None,
    seed: int = 0,
) -> Run:
    """SwinIR on additive Gaussian noise.

    Args:
        sigma: noise level in training (0-255 scale), or two bounds to draw it between.
        test_sigmas: noise levels it is evaluated at.
        color: RGB rather than grey.
        quantised: clip the noisy image and round it to 8 bits, in training and in evaluating.
        projected: tell the network the noise level, by projecting its answer (UDNet).
        start: weights to begin with: a run's folder or a weights file, of the same network.
        width: features.
        depths: layers of each group.
        heads: of the attention.
        ema: decay of the average of weights that is evaluated.
        train_set: images to learn from: embedded, bsds500, or a folder.
        test_set: images to evaluation on: embedded, bsd68, set12, or a folder.
        shuffle_colors: exchange the colour channels of training patches at random.
        patch_size: side of the training patches in pixels.
        batch_size: patches a step.
        steps: length of the training.
        lr: Adam's learning rate, halved after 1/2, 4/5, 9/10 and 15/16 of the training.
        falling: let the rate fall along a cosine instead.
        clip: largest norm of the gradient.
        seed: of weights, patches and noise.
    """
    grey = not color
    plain = SwinIR(1 if grey else 3, width=width, depths=depths, heads=heads).initialise(generator(seed, "weights"))
    network = Projected(plain) if projected else plain
    evaluations = denoising.evaluations(
        evaluation_images(test_set, grey=grey), test_sigmas, quantised=quantised, noise_conditional=projected
    )
    schedule = cosine if falling else halved_after(0.5, 0.8, 0.9, 0.9375)
    return Run(
        method=Regression(network, charbonnier),
        stream=PatchStream(
            training_images(train_set, grey=grey),
            NoisyPair(Gaussian(sigma, quantised), projected),
            patch_size=patch_size,
            batch_size=batch_size,
            seed=seed,
            shuffle_colors=shuffle_colors,
        ),
        optimizers={"network": adam(lr, schedule=schedule, clip=clip)},
        steps=steps,
        validation=denoising.validation(evaluations),
        validate_every=max(1, steps // 10),
        evaluations=evaluations,
        ema=ema,
        restorer=network,
        needs=[lambda: plain.load_state_dict(lookup.network(Path(start)).state_dict())] if start else [],
        seed=seed,
    )
