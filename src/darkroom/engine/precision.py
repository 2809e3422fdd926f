"""Precision of inference: bfloat16 where the hardware is fast at it, and a self-check on the network's own weights."""

import math
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.metrics.fidelity import psnr
from darkroom.operators.noise import Gaussian

Precision = Literal["auto", "32", "bf16"]

TOLERANCE_DB = 0.02
"""bfloat16 is used automatically only if it changes the PSNR of the self-check by less than this."""

CHECKED_SIGMAS = (10.0, 25.0, 50.0)
"""Noise levels of the self-check of a denoiser where no noise level is given, 0–255 scale."""


@runtime_checkable
class Run(Protocol):
    """Runs a network on a batch, in bfloat16 or float32; sigma is for noise-conditional networks, on the 0–255 scale."""

    def __call__(self, batch: Tensor, sigma: float, *, bf16: bool) -> Tensor: ...


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 natively.

    Example:
        >>> isinstance(has_fast_bf16(torch.device("cpu")), bool)
        True
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def bf16_difference(run: Run, channels: int, scale: int, sigma: float | None = None) -> float:
    """The largest change of PSNR in dB by bfloat16, on a noisy patch of an embedded photograph; infinite if it is not finite.

    Args:
        run: the network.
        channels: 1 for grey, 3 for RGB.
        scale: of the network; inputs are downscaled by it.
        sigma: noise level on the 0–255 scale; if not given, `CHECKED_SIGMAS` for a denoiser, and 0 for super-resolution.
    """
    clean = to_float(embedded("heldout", grey=channels == 1)[0][:, 150 : 150 + 96, 180 : 180 + 96])
    image = clean if scale == 1 else nn.functional.avg_pool2d(clean, scale)
    sigmas = (sigma,) if sigma is not None else CHECKED_SIGMAS if scale == 1 else (0.0,)
    largest = 0.0
    for level in sigmas:
        noisy = Gaussian(level)(image, generator("self-check"))[0][None]
        expected, found = (psnr(run(noisy, level, bf16=bf16), clean[None]).item() for bf16 in (False, True))
        difference = 0.0 if found == expected else abs(found - expected)
        largest = max(largest, difference if math.isfinite(difference) else math.inf)
    return largest
