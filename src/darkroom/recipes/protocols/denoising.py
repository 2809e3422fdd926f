"""The standard protocol of Gaussian denoising: PSNR and SSIM over all channels, classical denoisers beside ours."""

from collections.abc import Sequence
from dataclasses import replace

from darkroom.data.pictures import Pictures
from darkroom.engine.run import Judge
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.solvers import classical


def judges(pictures: Pictures, sigmas: Sequence[float], *, quantised: bool = False, told: bool = False) -> list[Judge]:
    """A judge for every noise level.

    Args:
        pictures: to judge on.
        sigmas: noise levels on the 0–255 scale.
        quantised: clip the noisy picture and round it to 8 bits, which the published tables do not.
        told: whether the network is told the level.
    """
    return [
        Judge(pictures, NoisyPair(Gaussian(level, quantised), told), (psnr, ssim), {"sigma": level}, classical.baselines(level))
        for level in sigmas
    ]


def validation(judges: Sequence[Judge]) -> Judge:
    """The middle one on its first eight pictures, without baselines: what is looked at as training goes on."""
    middle = judges[len(judges) // 2]
    return replace(middle, pictures=middle.pictures.first(8), baselines={})
