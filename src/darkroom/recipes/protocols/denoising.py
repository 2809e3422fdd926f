"""The standard protocol of Gaussian denoising: PSNR and SSIM over all channels, classical denoisers beside ours."""

from collections.abc import Sequence
from dataclasses import replace

from darkroom.data.image_set import ImageSet
from darkroom.engine.run import Evaluation
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.solvers import classical


def evaluations(
    images: ImageSet, sigmas: Sequence[float], *, quantised: bool = False, noise_conditional: bool = False
) -> list[Evaluation]:
    """A evaluation for every noise level.

    Args:
        images: to evaluation on.
        sigmas: noise levels on the 0–255 scale.
        quantised: clip the noisy image and round it to 8 bits, which the published tables do not.
        told: whether the network is told the level.
    """
    return [
        Evaluation(
            images,
            NoisyPair(Gaussian(level, quantised), noise_conditional),
            (psnr, ssim),
            {"sigma": level},
            classical.baselines(level),
        )
        for level in sigmas
    ]


def validation(evaluations: Sequence[Evaluation]) -> Evaluation:
    """The middle one on its first eight images, without baselines: what is looked at as training goes on."""
    middle = evaluations[len(evaluations) // 2]
    return replace(middle, images=middle.images.first(8), baselines={})
