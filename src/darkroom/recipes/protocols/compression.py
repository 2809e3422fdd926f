"""The protocol of JPEG artefact removal: colour images compressed by libjpeg, PSNR and SSIM on luma in floating point.

Published tables compress grey images, by MATLAB's encoder; colour files lose detail of the chroma as well, so numbers on luma are
near to those of the tables and not comparable with them.
"""

from collections.abc import Sequence

from torch import Tensor

from darkroom.core.method import Example
from darkroom.data.image_set import ImageSet
from darkroom.evaluations.paired_images import PairedImages
from darkroom.metrics.fidelity import psnr, psnr_y, ssim_y
from darkroom.operators.jpeg import JPEG
from darkroom.operators.noise import NoisyPair


def evaluations(images: ImageSet, qualities: Sequence[float]) -> list[PairedImages]:
    """An evaluation for every quality, with the compressed image itself as the baseline.

    Args:
        images: the test set, in colour.
        qualities: of libjpeg, 1 to 100; the chroma is halved (4:2:0), as is usual.
    """
    return [
        PairedImages(
            images,
            NoisyPair(JPEG(quality)),
            (psnr_y(0), ssim_y(0), psnr),
            variant={"quality": quality},
            baselines={"compressed input": _unchanged},
        )
        for quality in qualities
    ]


def _unchanged(batch: Example) -> Tensor:
    return batch.input
