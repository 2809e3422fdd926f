"""The standard protocol of Gaussian denoising: PSNR and SSIM over all channels, classical denoisers as baselines."""

from collections.abc import Sequence

from darkroom.core.evaluation import Evaluation
from darkroom.data.image_set import ImageSet
from darkroom.evaluations.paired_images import PairedImages
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.solvers import classical


def evaluations(
    images: ImageSet, sigmas: Sequence[float], *, quantised: bool = False, noise_conditional: bool = False
) -> list[PairedImages]:
    """An evaluation for every noise level.

    Args:
        images: the test set.
        sigmas: noise levels on the 0–255 scale.
        quantised: clip the noisy image and round it to 8 bits, which the published tables do not.
        noise_conditional: whether the network is given the noise level.
    """
    return [
        PairedImages(
            images,
            NoisyPair(Gaussian(sigma, quantised), noise_conditional),
            (psnr, ssim),
            variant={"sigma": sigma},
            baselines=classical.baselines(sigma),
        )
        for sigma in sigmas
    ]


def validation(evaluations: Sequence[PairedImages]) -> Evaluation:
    """The evaluation in the middle, on its first eight images, without baselines."""
    return evaluations[len(evaluations) // 2].first(8)
