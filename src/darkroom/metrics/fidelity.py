"""Fidelity to the ground truth: L1, PSNR and SSIM, each under a protocol that its name carries.

Example:
    >>> target = torch.zeros(1, 3, 8, 8)
    >>> psnr(target + 0.2, target)  # 20 log10(1 / 0.2)
    tensor([13.9794], dtype=torch.float64)
    >>> psnr_y(2).name
    'psnr_y_crop2'
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits
from darkroom.metrics.per_image import Images, PerImageMetric

WINDOW = 11
"""Side of SSIM's window."""

_DECIBEL: dict[str, Any] = dict(digits=2, tolerance=0.1, relative_tolerance=0.0)


def luma(images: Images) -> Float[Tensor, "batch 1 height width"]:
    """Luma of images rounded to 8 bits, BT.601 in limited range, in float64: Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255.

    Y itself is not rounded. A full-range luma gives PSNRs that are 1.32 dB lower. A grey image is its own luma.

    Source: BasicSR's `to_y_channel`, SwinIR's `bgr2ycbcr`, MATLAB's `rgb2ycbcr` of an image in double precision.

    Example:
        >>> (255 * luma(torch.ones(1, 3, 1, 1))).item()  # white
        235.0
    """
    levels = (255 * round_to_8_bits(images).double()).round()
    if images.shape[1] == 1:
        return levels / 255
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64, device=images.device)
    return (16 + (levels * weights.view(3, 1, 1)).sum(1, keepdim=True) / 255) / 255


def luma_uint8(images: Images) -> Float[Tensor, "batch 1 height width"]:
    """`luma` rounded to 8 bits: MATLAB's `rgb2ycbcr` of a uint8 image.

    The rounding of prediction and target lowers PSNRs, by some 0.08 dB at 38 dB.
    """
    return (255 * luma(images) + 0.5).floor() / 255


def psnr_within(border: int) -> PerImageMetric:
    """PSNR over all channels with `border` pixels cropped from every side, the protocol of deblurring."""
    return PerImageMetric(
        f"psnr_crop{border}",
        "PSNR cropped",
        "dB",
        f"PSNR = -10 log10(mean squared error), peak 1, {_CROPPED.format(border)}",
        function=_of_8_bits(_cropped(_psnr, border)),
        **_DECIBEL,
    )


def ssim_within(border: int) -> PerImageMetric:
    """SSIM over all channels with `border` pixels cropped from every side, the protocol of deblurring."""
    return PerImageMetric(
        f"ssim_crop{border}",
        "SSIM cropped",
        "",
        f"SSIM (11x11 Gaussian window of deviation 1.5) {_CROPPED.format(border)}",
        function=_of_8_bits(_cropped(_ssim, border)),
    )


def psnr_y(border: int) -> PerImageMetric:
    """PSNR on luma that is not rounded, `border` pixels cropped from every side: the protocol of super-resolution.

    BasicSR, IMDN, SwinIR and SAFMN are evaluated by it; `border` is the scale.
    """
    return PerImageMetric(
        f"psnr_y_crop{border}",
        "PSNR Y",
        "dB",
        f"PSNR, peak 255, {_ON_LUMA.format(border)}",
        function=_on(luma, _cropped(_psnr, border)),
        **_DECIBEL,
    )


def ssim_y(border: int) -> PerImageMetric:
    """SSIM on luma that is not rounded, `border` pixels cropped from every side; see `psnr_y`."""
    return PerImageMetric(
        f"ssim_y_crop{border}",
        "SSIM Y",
        "",
        f"SSIM (11x11 Gaussian window of deviation 1.5) {_ON_LUMA.format(border)}",
        function=_on(luma, _cropped(_ssim, border)),
    )


def psnr_y_uint8(border: int) -> PerImageMetric:
    """PSNR on luma rounded to 8 bits, `border` pixels cropped from every side.

    SRCNN's and EDSR's MATLAB scripts evaluate so, of which SwinIR's and SAFMN's tables print numbers beside their own.
    """
    return PerImageMetric(
        f"psnr_y_uint8_crop{border}",
        "PSNR Y uint8",
        "dB",
        f"PSNR, peak 255, {_ON_LUMA_UINT8.format(border)}",
        function=_on(luma_uint8, _cropped(_psnr, border)),
        **_DECIBEL,
    )


def ssim_y_uint8(border: int) -> PerImageMetric:
    """SSIM on luma rounded to 8 bits, `border` pixels cropped from every side; see `psnr_y_uint8`."""
    return PerImageMetric(
        f"ssim_y_uint8_crop{border}",
        "SSIM Y uint8",
        "",
        f"SSIM (11x11 Gaussian window of deviation 1.5) {_ON_LUMA_UINT8.format(border)}",
        function=_on(luma_uint8, _cropped(_ssim, border)),
    )


_CROPPED = "over all channels, {} pixels cropped from every side; prediction clipped and rounded to 8 bits; mean over images."
_ON_LUMA = (
    "on luma (BT.601 limited range) computed in floating point from 8-bit images and not rounded, {} pixels cropped from every "
    "side; prediction clipped and rounded to 8 bits; mean over images."
)
_ON_LUMA_UINT8 = (
    "on luma (BT.601 limited range) rounded to 8 bits, as MATLAB's rgb2ycbcr of uint8 images, {} pixels cropped from every side; "
    "prediction clipped and rounded to 8 bits; mean over images."
)

Function = Callable[[Images, Images], Tensor]


def _of_8_bits(function: Function) -> Function:
    return lambda prediction, target: function(round_to_8_bits(prediction), target)


def _on(channel: Callable[[Images], Images], function: Function) -> Function:
    return lambda prediction, target: function(channel(prediction), channel(target))


def _cropped(function: Function, border: int) -> Function:
    return lambda prediction, target: function(_crop(border, prediction), _crop(border, target))


def _crop(border: int, images: Images) -> Float[Tensor, "batch channel inner_height inner_width"]:
    height, width = images.shape[-2:]
    if min(height, width) <= 2 * border:
        raise DarkroomError(f"an image of {width}x{height} has nothing left when {border} pixels are cropped from every side")
    return images[..., border : height - border, border : width - border]


def _l1(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
    return (prediction.double() - target.double()).abs().mean((1, 2, 3))


def _psnr(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
    error = (prediction.double() - target.double()).square().mean((1, 2, 3))
    return -10 * torch.log10(error)


def _ssim(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
    from torchmetrics.functional.image import structural_similarity_index_measure  # slow to import

    height, width = target.shape[-2:]
    if min(height, width) < WINDOW:
        raise DarkroomError(f"an image of {width}x{height} is too small for SSIM, whose window is {WINDOW} pixels wide")
    # torchmetrics pads by reflection; the published definition has windows inside the image only.
    _, everywhere = structural_similarity_index_measure(
        prediction.float(), target.float(), data_range=1.0, reduction="none", return_full_image=True
    )
    return everywhere[..., 5:-5, 5:-5].mean((1, 2, 3))


l1 = PerImageMetric(
    "l1",
    "L1",
    "",
    "L1 = mean absolute error, peak 1, over all pixels and channels of an image; prediction neither clipped nor rounded; "
    "mean over images.",
    higher_is_better=False,
    function=_l1,
)
"""Mean absolute error, as it is minimised."""

psnr = PerImageMetric(
    "psnr",
    "PSNR",
    "dB",
    "PSNR = -10 log10(mean squared error), peak 1, over all pixels and channels of an image; prediction clipped and rounded to "
    "8 bits; no border cropped; mean over images.",
    function=_of_8_bits(_psnr),
    **_DECIBEL,
)
"""Peak signal-to-noise ratio; infinite for equal images."""

ssim = PerImageMetric(
    "ssim",
    "SSIM",
    "",
    "SSIM with an 11x11 Gaussian window of deviation 1.5, K1 = 0.01, K2 = 0.03, windows wholly inside the image; prediction "
    "clipped and rounded to 8 bits; mean over channels, then over images.",
    function=_of_8_bits(_ssim),
)
"""Structural similarity (Wang et al. 2004); needs at least 11 pixels a side."""
