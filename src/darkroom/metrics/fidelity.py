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
    """Y of BT.601 in limited range, rounded to 8 bits: Y = 16 + 65.481 R + 128.553 G + 24.966 B, over 255.

    This is what MATLAB's `rgb2ycbcr` gives for 8-bit images, on which super-resolution is evaluated; a full-range luma gives
    PSNRs that are 1.32 dB lower. A grey image is its own luma.
    """
    if images.shape[1] == 1:
        return round_to_8_bits(images)
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64, device=images.device)
    y = 16 + (round_to_8_bits(images).double() * weights.view(3, 1, 1)).sum(1, keepdim=True)
    return (y.round() / 255).float()


def psnr_within(border: int) -> PerImageMetric:
    """PSNR over all channels with `border` pixels cropped from every side, the protocol of deblurring."""
    return PerImageMetric(
        f"psnr_crop{border}",
        "PSNR cropped",
        "dB",
        f"PSNR = -10 log10(mean squared error), peak 1, {_CROPPED.format(border)}",
        function=_cropped(_psnr, border),
        **_DECIBEL,
    )


def ssim_within(border: int) -> PerImageMetric:
    """SSIM over all channels with `border` pixels cropped from every side, the protocol of deblurring."""
    return PerImageMetric(
        f"ssim_crop{border}",
        "SSIM cropped",
        "",
        f"SSIM (11x11 Gaussian window of deviation 1.5) {_CROPPED.format(border)}",
        function=_cropped(_ssim, border),
    )


def psnr_y(border: int) -> PerImageMetric:
    """PSNR on luma with `border` pixels cropped from every side, the protocol of super-resolution; `border` is the scale."""
    return PerImageMetric(
        f"psnr_y_crop{border}",
        "PSNR Y",
        "dB",
        f"PSNR, peak 255, {_ON_LUMA.format(border)}",
        function=_on_luma(_psnr, border),
        **_DECIBEL,
    )


def ssim_y(border: int) -> PerImageMetric:
    """SSIM on luma with `border` pixels cropped from every side, the protocol of super-resolution."""
    return PerImageMetric(
        f"ssim_y_crop{border}",
        "SSIM Y",
        "",
        f"SSIM (11x11 Gaussian window of deviation 1.5) {_ON_LUMA.format(border)}",
        function=_on_luma(_ssim, border),
    )


_CROPPED = "over all channels, {} pixels cropped from every side; prediction clipped and rounded to 8 bits; mean over images."
_ON_LUMA = (
    "on luma (BT.601 limited range, 8 bits), {} pixels cropped from every side; prediction clipped and rounded to 8 bits; "
    "mean over images."
)

Function = Callable[[Images, Images], Tensor]


def _cropped(function: Function, border: int) -> Function:
    return lambda prediction, target: function(_crop(border, prediction), _crop(border, target))


def _on_luma(function: Function, border: int) -> Function:
    return lambda prediction, target: function(_crop(border, luma(prediction)), _crop(border, luma(target)))


def _crop(border: int, images: Images) -> Float[Tensor, "batch channel inner_height inner_width"]:
    height, width = images.shape[-2:]
    if min(height, width) <= 2 * border:
        raise DarkroomError(f"an image of {width}x{height} has nothing left when {border} pixels are cropped from every side")
    return images[..., border : height - border, border : width - border]


def _l1(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
    return (prediction.double() - target.double()).abs().mean((1, 2, 3))


def _psnr(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
    error = (round_to_8_bits(prediction).double() - target.double()).square().mean((1, 2, 3))
    return -10 * torch.log10(error)


def _ssim(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
    from torchmetrics.functional.image import structural_similarity_index_measure  # slow to import

    height, width = target.shape[-2:]
    if min(height, width) < WINDOW:
        raise DarkroomError(f"an image of {width}x{height} is too small for SSIM, whose window is {WINDOW} pixels wide")
    # torchmetrics pads by reflection; the published definition has windows inside the image only.
    _, everywhere = structural_similarity_index_measure(
        round_to_8_bits(prediction), target.float(), data_range=1.0, reduction="none", return_full_image=True
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
    function=_psnr,
    **_DECIBEL,
)
"""Peak signal-to-noise ratio; infinite for equal images."""

ssim = PerImageMetric(
    "ssim",
    "SSIM",
    "",
    "SSIM with an 11x11 Gaussian window of deviation 1.5, K1 = 0.01, K2 = 0.03, windows wholly inside the image; prediction "
    "clipped and rounded to 8 bits; mean over channels, then over images.",
    function=_ssim,
)
"""Structural similarity (Wang et al. 2004); needs at least 11 pixels a side."""
