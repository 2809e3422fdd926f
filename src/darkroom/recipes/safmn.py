"""Efficient super-resolution with SAFMN (Sun, Dong, Tang, Pan 2023), by the standard protocol.

    darkroom train safmn laptop     under three minutes on two CPU cores, nothing to download
    darkroom train safmn x2         the paper's ×2 network; a day on one GPU (estimated)
    darkroom train safmn x4         the paper's ×4 network

The network to take for ×2: 38.00 dB on Set5 for 52 G multiply-adds a 1280×720 answer, where EDSR-baseline takes 316 G
for 37.99 and IMDN 159 G for 38.00. The paper trains on DIV2K and Flickr2K; here the 400 images of BSDS500 outside
BSD100 serve, or any folder (--train-set).
"""

from darkroom.core.randomness import generator
from darkroom.data.named_sets import evaluation_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Evaluation, Run, adam, cosine
from darkroom.methods.regression import Regression, l1_and_frequencies
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.networks.safmn import SAFMN
from darkroom.operators.resample import ReducedPair
from darkroom.recipes.protocols import super_resolution

ROWS = {
    "x2": dict(scale=2),
    "x4": dict(scale=4),
    "laptop": dict(
        scale=2,
        blocks=4,
        train_set="embedded",
        test_set="embedded",
        standard=(),
        shuffle_colors=True,
        patch_size=64,
        batch_size=4,
        steps=3500,
        clip=5.0,
    ),
}

PROTOCOL = frozenset({"scale"})
"""Settings that, when changed, make a number measure something else than the published ones."""

PUBLISHED = {"x2": super_resolution.beside(2, "SAFMN"), "x4": super_resolution.beside(4, "SAFMN")}


def recipe(
    scale: int = 2,
    width: int = 36,
    blocks: int = 8,
    frequencies: float = 0.05,
    train_set: str = "bsds400",
    test_set: str = "bsd100",
    standard: tuple[str, ...] = super_resolution.SETS,
    shuffle_colors: bool = False,
    patch_size: int = 128,
    batch_size: int = 64,
    steps: int = 500_000,
    lr: float = 1e-3,
    clip: float | None = None,
    seed: int = 0,
) -> Run:
    """SAFMN on images reduced by MATLAB's bicubic.

    Args:
        scale: how many times images are enlarged: 2, 3 or 4.
        width: features.
        blocks: feature mixing blocks.
        frequencies: weight of the loss on Fourier coefficients.
        train_set: images to learn from: embedded, bsds400, or a folder.
        test_set: images to validate and evaluation on: embedded, bsd100, or a folder.
        standard: sets to evaluation on besides, where they are there.
        shuffle_colors: exchange the colour channels of training crops at random.
        patch_size: side of the training crops in pixels, before reduction.
        batch_size: crops a step.
        steps: length of the training.
        lr: Adam's learning rate, which falls to zero along a cosine.
        clip: largest norm of the gradient.
        seed: of weights and crops.
    """
    network = SAFMN(scale, width, blocks).initialise(generator(seed, "weights"))
    reduced, metrics = ReducedPair(scale, "matlab"), super_resolution.metrics(scale)
    return Run(
        method=Regression(network, l1_and_frequencies(frequencies)),
        stream=PatchStream(
            training_images(train_set), reduced, patch_size=patch_size, batch_size=batch_size, seed=seed, shuffle_colors=shuffle_colors
        ),
        optimizers={"network": adam(lr, betas=(0.9, 0.99), schedule=cosine, clip=clip)},
        steps=steps,
        validation=Evaluation(evaluation_images(test_set).first(8), reduced, (*metrics, psnr, ssim)),
        validate_every=max(1, steps // 10),
        evaluations=super_resolution.evaluations(scale, test_set, standard, more=(psnr, ssim)),
        restorer=network,
        seed=seed,
    )
