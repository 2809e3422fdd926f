"""Noise2Noise: Learning Image Restoration without Clean Data (Lehtinen, Munkberg, Hasselgren, et al. 2018).

    darkroom train noise2noise laptop           three minutes on two CPU cores, nothing to download, no clean picture seen
    darkroom train noise2noise gaussian         Table 1: colour, sigma 25; hours on one GPU (estimated)
    darkroom train noise2noise pictures_16      sixteen pictures, photographed twice; the study of how many are needed
    darkroom report noise2noise                 noisy targets beside clean ones, and their gap against the number of pictures

Every row has its twin with clean targets (`..._clean`), judged alike. The paper learns from 50,000 pictures of
ImageNet; here 400 of BSDS500 serve, and the paper's BSD300 is BSD100. With noisy targets the loss
follows the noise: squared error where it has no mean (gaussian, blind, poisson), absolute error for text, the annealed L0 for
impulses. Clean targets take the squared error.
"""

from typing import Literal

from darkroom.core.randomness import generator
from darkroom.data.captures import Captures
from darkroom.data.photographs import judging, training
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Judge, Published, Run, Study, adam, cosine
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
    photos="embedded",
    judged_on="embedded",
    width=32,
    residual=True,
    shuffle_colors=True,
    patch=64,
    batch=4,
    steps=3200,
    rate=1e-3,
)
_FEW = dict(captured=True, residual=True, width=32, patch=64, batch=4, steps=4000, rate=1e-3)


def _twins(name: str, **settings: object) -> dict[str, dict[str, object]]:
    return {name: settings, f"{name}_clean": {**settings, "targets": "clean"}}


ROWS = {
    **_twins("gaussian"),
    **_twins("blind", noise="blind"),
    **_twins("poisson", noise="poisson"),
    **_twins("impulse", noise="impulse"),
    **_twins("text", noise="text"),
    **{row: settings for n in (1, 4, 16, 64, 256) for row, settings in _twins(f"pictures_{n}", pictures=n, **_FEW).items()},
    **_twins("laptop", **_LAPTOP),
}

PROTOCOL = frozenset({"noise"})
"""Settings that, when changed, make a number measure something else than the paper's."""

STUDIES = (Study(along="pictures", between="targets", first="clean", second="noisy"),)

_TABLE_1 = "Lehtinen et al. 2018, Table 1"


def _published(kodak: float, bsd300: float, set14: float) -> list[Published]:
    values = {"kodak24": kodak, "bsd100": bsd300, "set14": set14}
    return [Published("psnr", dataset, value, _TABLE_1, {"sigma": 25.0}) for dataset, value in values.items()]


PUBLISHED = {"gaussian_clean": _published(32.50, 31.07, 31.31), "gaussian": _published(32.48, 31.06, 31.28)}


def recipe(
    noise: Kind = "gaussian",
    targets: Literal["noisy", "clean"] = "noisy",
    pictures: int = 0,
    captured: bool = False,
    width: int = 48,
    residual: bool = False,
    photos: str = "bsds400",
    judged_on: str = "bsd100",
    standard: tuple[str, ...] = ("kodak24", "set14"),
    shuffle_colors: bool = False,
    patch: int = 128,
    batch: int = 4,
    steps: int = 200_000,
    rate: float = 3e-4,
    clip: float | None = 5.0,
    seed: int = 0,
) -> Run:
    """The paper's U-Net on one kind of noise, with noisy targets or clean ones.

    Args:
        noise: gaussian (sigma 25), blind (sigma from 0 to 50), poisson (peak 30), impulse (random-valued, up to 95 % of the
            pixels; judged at 70 %), text (up to half of the picture covered; judged at a quarter).
        targets: what it learns from, a second noisy copy or the clean picture.
        pictures: how many pictures to learn from, the first ones; 0 for all.
        captured: the noise of a picture is drawn once for all, as by a camera, rather than at every look.
        width: features of the network on the way down.
        residual: the network answers what is to be added to the picture; the paper's answers the picture.
        photos: pictures to learn from: embedded, bsds400, or a folder.
        judged_on: pictures to validate and judge on: embedded, bsd100, or a folder.
        standard: sets to judge on besides, where they are there.
        shuffle_colors: exchange the colour channels of training patches at random.
        patch: side of the training patches in pixels.
        batch: patches a step.
        steps: length of the training.
        rate: Adam's learning rate, which falls to zero along a cosine.
        clip: largest norm of the gradient.
        seed: of weights, patches and noise.
    """
    network = Noise2NoiseUNet(3, width, residual=residual).initialise(generator(seed, "weights"))
    learned = training(photos) if not pictures else training(photos).first(pictures)
    degrade = TwoNoisy(_TRAINING[noise]) if targets == "noisy" else NoisyPair(_TRAINING[noise])
    drawn = dict(patch=patch, batch=batch, seed=seed)
    loss = absolute_error if noise == "text" and targets == "noisy" else squared_error
    judges = [
        judge
        for name in (judged_on, *standard)
        for judge in _judges(noise, name, where_present=name != judged_on, beside_classical=not captured)
    ]
    return Run(
        method=AnnealedL0(network, steps) if noise == "impulse" and targets == "noisy" else Regression(network, loss),
        stream=Captures(learned, degrade, **drawn)
        if captured
        else PatchStream(learned, degrade, shuffle_colors=shuffle_colors, **drawn),
        optimizers={"network": adam(rate, betas=(0.9, 0.99), schedule=cosine, clip=clip)},
        steps=steps,
        validation=denoising.validation([judge for judge in judges if not judge.where_present]),
        validate_every=max(1, steps // 10),
        judges=judges,
        restorer=network,
        seed=seed,
    )


def _judges(noise: Kind, name: str, *, where_present: bool, beside_classical: bool) -> list[Judge]:
    judges = []
    for varied, level, model in _JUDGED[noise].values():
        told = {"noisy input": classical.told(classical.unchanged, 0.0)}
        if varied == "sigma" and beside_classical:
            told = classical.baselines(level)
        judges.append(Judge(judging(name), NoisyPair(model), (psnr, ssim), {varied: level}, told, where_present=where_present))
    return judges
