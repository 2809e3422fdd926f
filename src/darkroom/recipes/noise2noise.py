"""Noise2Noise: Learning Image Restoration without Clean Data (Lehtinen, Munkberg, Hasselgren, et al. 2018).

    darkroom train noise2noise laptop           three minutes on two CPU cores, nothing to download, no clean image seen
    darkroom train noise2noise gaussian         Table 1: colour, sigma 25; hours on one GPU (estimated)
    darkroom train noise2noise images_16      sixteen images, photographed twice; the study of how many are needed
    darkroom report noise2noise                 noisy targets beside clean ones, and their gap against the number of images

Every row has its twin with clean targets (`..._clean`), evaluated alike. The paper learns from 50,000 images of
ImageNet; here 400 of BSDS500 serve, and the paper's BSD300 is BSD100. With noisy targets the loss
follows the noise: squared error where it has no mean (gaussian, blind, poisson), absolute error for text, the annealed L0 for
impulses. Clean targets take the squared error.
"""

from typing import Literal

from darkroom.core.randomness import generator
from darkroom.data.captures import Captures
from darkroom.data.named_sets import evaluation_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Evaluation, Published, Run, Study, adam, cosine
from darkroom.methods.annealed_l0 import AnnealedL0
from darkroom.methods.regression import Regression, absolute_error, squared_error
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.networks.noise2noise_unet import Noise2NoiseUNet
from darkroom.operators.noise import Gaussian, Impulse, Noise, NoisyPair, Poisson, TextOverlay, TwoNoisy
from darkroom.recipes.protocols import denoising
from darkroom.solvers import classical

Kind = Literal["gaussian", "blind", "poisson", "impulse", "text"]

_TRAINING: dict[str, Noise] = {
    "gaussian": Gaussian(25.0),
    "blind": Gaussian((0.0, 50.0)),
    "poisson": Poisson(30.0),
    "impulse": Impulse((0.0, 0.95)),
    "text": TextOverlay((0.0, 0.5)),
}
_JUDGED: dict[str, dict[str, tuple[str, float, Noise]]] = {
    "gaussian": {"25": ("sigma", 25.0, Gaussian(25.0))},
    "blind": {f"{sigma:g}": ("sigma", sigma, Gaussian(sigma)) for sigma in (10.0, 25.0, 50.0)},
    "poisson": {"30": ("peak", 30.0, Poisson(30.0))},
    "impulse": {"0.7": ("impulses", 0.7, Impulse(0.7))},
    "text": {"0.25": ("text", 0.25, TextOverlay(0.25))},
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
_FEW = dict(captured=True, residual=True, width=32, patch_size=64, batch_size=4, steps=4000, lr=1e-3)


def _twins(name: str, **settings: object) -> dict[str, dict[str, object]]:
    return {name: settings, f"{name}_clean": {**settings, "targets": "clean"}}


ROWS = {
    **_twins("gaussian"),
    **_twins("blind", noise="blind"),
    **_twins("poisson", noise="poisson"),
    **_twins("impulse", noise="impulse"),
    **_twins("text", noise="text"),
    **{row: settings for n in (1, 4, 16, 64, 256) for row, settings in _twins(f"images_{n}", images=n, **_FEW).items()},
    **_twins("laptop", **_LAPTOP),
}

PROTOCOL = frozenset({"noise"})
"""Settings that, when changed, make a number measure something else than the paper's."""

STUDIES = (Study(along="images", between="targets", first="clean", second="noisy"),)

_TABLE_1 = "Lehtinen et al. 2018, Table 1"


def _published(kodak: float, bsd300: float, set14: float) -> list[Published]:
    values = {"kodak24": kodak, "bsd100": bsd300, "set14": set14}
    return [Published("psnr", dataset, value, _TABLE_1, {"sigma": 25.0}) for dataset, value in values.items()]


PUBLISHED = {"gaussian_clean": _published(32.50, 31.07, 31.31), "gaussian": _published(32.48, 31.06, 31.28)}


def recipe(
    noise: Kind = "gaussian",
    targets: Literal["noisy", "clean"] = "noisy",
    images: int = 0,
    captured: bool = False,
    width: int = 48,
    residual: bool = False,
    train_set: str = "bsds400",
    test_set: str = "bsd100",
    standard: tuple[str, ...] = ("kodak24", "set14"),
    shuffle_colors: bool = False,
    patch_size: int = 128,
    batch_size: int = 4,
    steps: int = 200_000,
    lr: float = 3e-4,
    clip: float | None = 5.0,
    seed: int = 0,
) -> Run:
    """The paper's U-Net on one kind of noise, with noisy targets or clean ones.

    Args:
        noise: gaussian (sigma 25), blind (sigma from 0 to 50), poisson (peak 30), impulse (random-valued, up to 95 % of the
            pixels; evaluated at 70 %), text (up to half of the image covered; evaluated at a quarter).
        targets: what it learns from, a second noisy copy or the clean image.
        images: how many images to learn from, the first ones; 0 for all.
        captured: the noise of an image is drawn once for all, as by a camera, rather than at every look.
        width: features of the network on the way down.
        residual: the network answers what is to be added to the image; the paper's answers the image.
        train_set: images to learn from: embedded, bsds400, or a folder.
        test_set: images to validate and evaluation on: embedded, bsd100, or a folder.
        standard: sets to evaluation on besides, where they are there.
        shuffle_colors: exchange the colour channels of training patches at random.
        patch_size: side of the training patches in pixels.
        batch_size: patches a step.
        steps: length of the training.
        lr: Adam's learning rate, which falls to zero along a cosine.
        clip: largest norm of the gradient.
        seed: of weights, patches and noise.
    """
    network = Noise2NoiseUNet(3, width, residual=residual).initialise(generator(seed, "weights"))
    learned = training_images(train_set) if not images else training_images(train_set).first(images)
    degrade = TwoNoisy(_TRAINING[noise]) if targets == "noisy" else NoisyPair(_TRAINING[noise])
    drawn = dict(patch_size=patch_size, batch_size=batch_size, seed=seed)
    loss = absolute_error if noise == "text" and targets == "noisy" else squared_error
    evaluations = [
        evaluation
        for name in (test_set, *standard)
        for evaluation in _judges(noise, name, optional=name != test_set, beside_classical=not captured)
    ]
    return Run(
        method=AnnealedL0(network, steps) if noise == "impulse" and targets == "noisy" else Regression(network, loss),
        stream=Captures(learned, degrade, **drawn)
        if captured
        else PatchStream(learned, degrade, shuffle_colors=shuffle_colors, **drawn),
        optimizers={"network": adam(lr, betas=(0.9, 0.99), schedule=cosine, clip=clip)},
        steps=steps,
        validation=denoising.validation([evaluation for evaluation in evaluations if not evaluation.optional]),
        validate_every=max(1, steps // 10),
        evaluations=evaluations,
        restorer=network,
        seed=seed,
    )


def _judges(noise: Kind, name: str, *, optional: bool, beside_classical: bool) -> list[Evaluation]:
    evaluations = []
    for variant, level, model in _JUDGED[noise].values():
        told = {"noisy input": classical.with_noise_level(classical.unchanged, 0.0)}
        if variant == "sigma" and beside_classical:
            told = classical.baselines(level)
        evaluations.append(
            Evaluation(evaluation_images(name), NoisyPair(model), (psnr, ssim), {variant: level}, told, optional=optional)
        )
    return evaluations
