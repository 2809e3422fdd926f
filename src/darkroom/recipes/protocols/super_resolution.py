"""The standard protocol of super-resolution: MATLAB's bicubic downscaling, PSNR and SSIM on luma, a border cropped.

Published tables are made by two protocols: luma in floating point (BasicSR, IMDN, SwinIR, SAFMN, ESRGAN), or rounded to 8 bits by
MATLAB's `rgb2ycbcr` (SRCNN, EDSR). Both are evaluated, and each number stands beside the one of its protocol.
"""

from collections.abc import Sequence
from dataclasses import replace

from darkroom.core.metric import Metric
from darkroom.core.record import Published, Variant
from darkroom.data.image_set import ImageSet
from darkroom.data.named_sets import evaluation_images
from darkroom.evaluations.paired_images import PairedImages
from darkroom.metrics.fidelity import psnr_y, psnr_y_uint8, ssim_y, ssim_y_uint8
from darkroom.operators.jpeg import JPEG, CompressedPair
from darkroom.operators.resample import DownscaledPair, Kernel, upscalings

SETS = ("set5", "set14", "bsd100", "urban100")
"""The sets that papers print."""


def metrics(scale: int) -> tuple[Metric, Metric]:
    """PSNR and SSIM on luma in floating point, with a border of `scale` pixels cropped from every side."""
    return psnr_y(scale), ssim_y(scale)


def metrics_uint8(scale: int) -> tuple[Metric, Metric]:
    """The same on luma rounded to 8 bits."""
    return psnr_y_uint8(scale), ssim_y_uint8(scale)


def evaluations(
    scale: int,
    test_set: str | None,
    benchmark_sets: Sequence[str] = SETS,
    *,
    everywhere: Sequence[Metric] = (),
    more: Sequence[Metric] = (),
) -> list[PairedImages]:
    """Bicubic downscaling rounded to 8 bits; bilinear and bicubic upscaling as baselines.

    Args:
        scale: the upscaling factor.
        test_set: images that must be present, if any.
        benchmark_sets: further test sets, evaluated where they are present.
        everywhere: metrics beside the protocol's on all sets.
        more: and on `test_set`.
    """

    def evaluation(name: str, further: Sequence[Metric], optional: bool) -> PairedImages:
        images = evaluation_images(name)
        printed = metrics_uint8(scale) if images.name in SETS else ()
        return on_images(images, scale, more=(*printed, *further, *everywhere), optional=optional)

    required = [evaluation(test_set, more, False)] if test_set is not None else []
    return [*required, *(evaluation(name, (), True) for name in benchmark_sets if name != test_set)]


def on_images(
    images: ImageSet,
    scale: int,
    *,
    reduction: Kernel = "matlab",
    quality: float | None = None,
    more: Sequence[Metric] = (),
    optional: bool = False,
) -> PairedImages:
    """One evaluation; with another reduction or a quality it is no published protocol, and the variant says so.

    Args:
        images: the test set.
        scale: the upscaling factor.
        reduction: the kernel of downscaling.
        quality: of JPEG, which the small images are compressed as; None leaves them as they are.
        more: metrics beside the protocol's.
        optional: whether it is left out where the images are missing.
    """
    variant: Variant = {"scale": float(scale)} | ({"reduction": reduction} if reduction != "matlab" else {})
    pair: DownscaledPair | CompressedPair = DownscaledPair(scale, reduction)
    if quality is not None:
        pair, variant["quality"] = CompressedPair(pair, JPEG(quality)), quality
    return PairedImages(images, pair, (*metrics(scale), *more), variant=variant, baselines=upscalings(scale), optional=optional)


def published(
    method: str, scale: int, psnr: Sequence[float], source: str, ssim: Sequence[float] = (), *, uint8: bool = False
) -> list[Published]:
    """A line of a paper's table: PSNR, and SSIM where given, on `SETS`; `uint8` if luma was rounded to 8 bits."""
    protocols = metrics_uint8(scale) if uint8 else metrics(scale)
    return [
        Published(metric.name, name, value, source, {"scale": float(scale)}, method)
        for metric, values in zip(protocols, (psnr, ssim), strict=True)
        for name, value in zip(SETS, values, strict=False)
    ]


# EDSR's table is made by the MATLAB script that the paper's code includes (`demo/evaluation.m`): uint8 luma, a border of the scale.
# Its bicubic and SRCNN are those of SRCNN's script: luma rounded to 8 bits, then downscaled and upscaled in floating point, which
# gives bicubic 0.02 dB more on Set5 than 8-bit colour images do. EDSR's own SSIM has windows beyond the border (MATLAB's `ssim`).
_EDSR = "Lim et al. 2017 (EDSR), Table 3"
_SAFMN = "Sun et al. 2023 (SAFMN), table of results"
_SWINIR = "Liang et al. 2021 (SwinIR), Tables 2 and 3"

REFERENCES = {
    2: [
        *published("bicubic", 2, (33.66, 30.24, 29.56, 26.88), _EDSR, (0.9299, 0.8688, 0.8431, 0.8403), uint8=True),
        *published("SRCNN", 2, (36.66, 32.42, 31.36, 29.50), _EDSR, (0.9542, 0.9063, 0.8879, 0.8946), uint8=True),
        *published("EDSR", 2, (38.11, 33.92, 32.32, 32.93), _EDSR, (0.9601, 0.9195, 0.9013, 0.9351), uint8=True),
        *published("SAFMN", 2, (38.00, 33.54, 32.16, 31.84), _SAFMN, (0.9605, 0.9177, 0.8995, 0.9256)),
        *published("SwinIR light", 2, (38.14, 33.86, 32.31, 32.76), _SWINIR),
        *published("SwinIR", 2, (38.42, 34.46, 32.53, 33.81), _SWINIR),
    ],
    4: [
        *published("bicubic", 4, (28.42, 26.00, 25.96, 23.14), _EDSR, (0.8104, 0.7027, 0.6675, 0.6577), uint8=True),
        *published("SRCNN", 4, (30.48, 27.49, 26.90, 24.52), _EDSR, (0.8628, 0.7503, 0.7101, 0.7221), uint8=True),
        *published("EDSR", 4, (32.46, 28.80, 27.71, 26.64), _EDSR, (0.8968, 0.7876, 0.7420, 0.8033), uint8=True),
        *published("SAFMN", 4, (32.18, 28.60, 27.58, 25.97), _SAFMN, (0.8948, 0.7813, 0.7359, 0.7809)),
    ],
}
"""Published numbers beside every row that is evaluated on `SETS`, by scale."""


def references(scale: int, ours: str | None = None) -> list[Published]:
    """The references of a scale; those of the method `ours` are the row's own."""
    return [replace(number, method="ours") if number.method == ours else number for number in REFERENCES[scale]]
