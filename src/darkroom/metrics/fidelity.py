"""Fidelity to a known truth: PSNR and SSIM, each under a protocol that its name carries."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.images import round_to_8_bits

Pictures = Float[Tensor, "batch channel height width"]


@dataclass(frozen=True)
class Metric:
    """A named protocol that gives one number a picture.

    Args:
        name: how tables and files call it; two protocols never share a name.
        unit: "dB" or "" for a plain number.
        definition: one sentence for the report: range, rounding, channels, border.
        compute: `(prediction, target) -> (batch,)`, both in [0, 1].
        higher_is_better: which way is better.
    """

    name: str
    unit: str
    definition: str
    compute: Callable[[Pictures, Pictures], Float[Tensor, " batch"]]
    higher_is_better: bool = True


def _psnr(prediction: Pictures, target: Pictures) -> Float[Tensor, " batch"]:
    error = (round_to_8_bits(prediction).double() - target.double()).square().mean((1, 2, 3))
    return -10 * torch.log10(error)


def _ssim(prediction: Pictures, target: Pictures) -> Float[Tensor, " batch"]:
    from torchmetrics.functional.image import structural_similarity_index_measure  # slow to import

    # torchmetrics continues the picture by reflection; the published definition takes whole windows only.
    _, everywhere = structural_similarity_index_measure(
        round_to_8_bits(prediction), target.float(), data_range=1.0, reduction="none", return_full_image=True
    )
    return everywhere[..., 5:-5, 5:-5].mean((1, 2, 3))


psnr = Metric(
    "psnr",
    "dB",
    "PSNR = -10 log10(mean squared error), peak 1, over all pixels and channels of a picture; output clipped "
    "and rounded to 8 bits; no border cropped; mean over pictures.",
    _psnr,
)
"""Peak signal-to-noise ratio; infinite for equal pictures."""

ssim = Metric(
    "ssim",
    "",
    "SSIM with an 11x11 Gaussian window of deviation 1.5, K1 = 0.01, K2 = 0.03, windows wholly inside the "
    "picture; output clipped and rounded to 8 bits; mean over channels, then over pictures.",
    _ssim,
)
"""Structural similarity (Wang et al. 2004); needs at least 11 pixels a side."""
