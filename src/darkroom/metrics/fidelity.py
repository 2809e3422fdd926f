"""Fidelity to a known truth: L1, PSNR and SSIM, each under a protocol that its name carries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits

Images = Float[Tensor, "batch channel height width"]

WINDOW = 11
"""Side of SSIM's window."""


@dataclass(frozen=True)
class Metric:
    """A named protocol that gives one number an image.

    Args:
        name: how files call it; two protocols never share a name.
        title: how tables call it.
        unit: "dB" or "" for a plain number.
        definition: one sentence for the report: range, rounding, channels, border.
        compute: `(prediction, target) -> (batch,)`, both in [0, 1].
        higher_is_better: which way is better.
        about: whether it measures nearness to the truth, or what an image looks like.
        missing: says what it needs and is not there; nothing where all is.
    """

    name: str
    title: str
    unit: str
    definition: str
    compute: Callable[[Images, Images], Float[Tensor, " batch"]]
    higher_is_better: bool = True
    about: Literal["fidelity", "perception"] = "fidelity"
    missing: Callable[[], str] = str

    def described(self) -> dict[str, Any]:
        """What a run writes down of it."""
        return {
            "title": self.title,
            "unit": self.unit,
            "definition": self.definition,
            "higher_is_better": self.higher_is_better,
            "about": self.about,
        }


def luma(images: Images) -> Float[Tensor, "batch 1 height width"]:
    """Y of BT.601 in limited range, rounded to 8 bits: Y = 16 + 65.481 R + 128.553 G + 24.966 B, over 255.

    This is what MATLAB's `rgb2ycbcr` gives for 8-bit images, and what the super-resolution tables are
    made with; a full-range luma gives PSNRs that are 1.32 dB lower. A grey image is its own luma.
    """
    if images.shape[1] == 1:
        return round_to_8_bits(images)
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64, device=images.device)
    y = 16 + (round_to_8_bits(images).double() * weights.view(3, 1, 1)).sum(1, keepdim=True)
    return (y.round() / 255).float()


def psnr_within(border: int) -> Metric:
    """PSNR over all channels with a border cropped, as deblurring is evaluated."""
    return _within("psnr", "PSNR", "dB", "PSNR = -10 log10(mean squared error), peak 1,", _psnr, border)


def ssim_within(border: int) -> Metric:
    """SSIM with a border cropped, as deblurring is evaluated."""
    return _within("ssim", "SSIM", "", "SSIM (11x11 Gaussian window of deviation 1.5)", _ssim, border)


def _within(name: str, title: str, unit: str, words: str, plain: Callable[..., Tensor], border: int) -> Metric:
    def compute(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
        return plain(*(_inside(border, x) for x in (prediction, target)))

    return Metric(
        f"{name}_crop{border}",
        f"{title} inside",
        unit,
        f"{words} over all channels, {border} pixels cropped from every side; output clipped and rounded to 8 bits; mean over "
        "images.",
        compute,
    )


def psnr_y(border: int) -> Metric:
    """PSNR on luma with a border cropped, as super-resolution is evaluated; `border` is the factor, in pixels."""
    return _on_luma("psnr", "PSNR", "dB", "PSNR, peak 255,", _psnr, border)


def ssim_y(border: int) -> Metric:
    """SSIM on luma with a border cropped, as super-resolution is evaluated."""
    return _on_luma("ssim", "SSIM", "", "SSIM (11x11 Gaussian window of deviation 1.5)", _ssim, border)


def _on_luma(name: str, title: str, unit: str, words: str, plain: Callable[..., Tensor], border: int) -> Metric:
    def compute(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
        return plain(*_luma_within(border, prediction, target))

    return Metric(
        f"{name}_y_crop{border}",
        f"{title} Y",
        unit,
        f"{words} on luma (BT.601 limited range, 8 bits), {border} pixels cropped from every side; output clipped and "
        "rounded to 8 bits; mean over images.",
        compute,
    )


def _luma_within(border: int, *images: Images) -> list[Tensor]:
    return [_inside(border, luma(x)) for x in images]


def _inside(border: int, images: Images) -> Float[Tensor, "batch channel inner_height inner_width"]:
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
    # torchmetrics continues the image by reflection; the published definition takes whole windows only.
    _, everywhere = structural_similarity_index_measure(
        round_to_8_bits(prediction), target.float(), data_range=1.0, reduction="none", return_full_image=True
    )
    return everywhere[..., 5:-5, 5:-5].mean((1, 2, 3))


l1 = Metric(
    "l1",
    "L1",
    "",
    "L1 = mean absolute error, peak 1, over all pixels and channels of an image; output neither clipped nor "
    "rounded; mean over images.",
    _l1,
    higher_is_better=False,
)
"""Mean absolute error, as it is minimised."""

psnr = Metric(
    "psnr",
    "PSNR",
    "dB",
    "PSNR = -10 log10(mean squared error), peak 1, over all pixels and channels of an image; output clipped "
    "and rounded to 8 bits; no border cropped; mean over images.",
    _psnr,
)
"""Peak signal-to-noise ratio; infinite for equal images."""

ssim = Metric(
    "ssim",
    "SSIM",
    "",
    "SSIM with an 11x11 Gaussian window of deviation 1.5, K1 = 0.01, K2 = 0.03, windows wholly inside the "
    "image; output clipped and rounded to 8 bits; mean over channels, then over images.",
    _ssim,
)
"""Structural similarity (Wang et al. 2004); needs at least 11 pixels a side."""
