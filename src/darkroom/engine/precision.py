"""Precision: bfloat16 where a measurement finds it fast, and a self-check on the network's own weights."""

import functools
import math
import time
from collections.abc import Iterator
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.metrics.fidelity import psnr
from darkroom.operators.noise import Gaussian

Precision = Literal["auto", "32", "bf16", "int8"]

TOLERANCE_DB = 0.02
"""bfloat16 is used automatically only if it changes the PSNR of the self-check by less than this."""

CLEARLY_FASTER = 1.2
"""bfloat16 is used automatically on a CPU only where float32 takes this many times as long."""

CHECKED_SIGMAS = (10.0, 25.0, 50.0)
"""Noise levels of the self-check of a denoiser where no noise level is given, 0–255 scale."""


@runtime_checkable
class Run(Protocol):
    """Runs a network on a batch, in bfloat16 or float32; sigma is for noise-conditional networks, on the 0–255 scale."""

    def __call__(self, batch: Tensor, sigma: float, *, bf16: bool) -> Tensor: ...


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is clearly faster than float32: natively multiplied on a GPU, or measured on a CPU.

    On some CPUs with bfloat16 instructions but without matrix units (AMX), convolutions in bfloat16 are slower than in float32.

    Example:
        >>> isinstance(has_fast_bf16(torch.device("cpu")), bool)
        True
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")) and bf16_gain() > CLEARLY_FASTER
    return False


@functools.cache
def bf16_gain() -> float:
    """Time of a convolution in float32 over its time in bfloat16, on the CPU; measured once a process, in a tenth of a second.

    The least of several alternating times is taken, which other processes on the machine hardly change.
    """
    image = torch.rand(1, 64, 48, 48).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(64, 64, 3, 3).contiguous(memory_format=torch.channels_last)

    def seconds(bf16: bool) -> float:
        begun = time.perf_counter()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            nn.functional.conv2d(image, weight, padding=1)
        return time.perf_counter() - begun

    _, *measured = [(seconds(False), seconds(True)) for _ in range(6)]  # the first prepares the kernels
    return min(single for single, _ in measured) / min(half for _, half in measured)


def bf16_difference(run: Run, channels: int, scale: int, sigma: float | None = None) -> float:
    """The largest change of PSNR in dB by bfloat16, on a noisy patch of an embedded photograph; infinite if it is not finite.

    Args:
        run: the network.
        channels: 1 for grey, 3 for RGB.
        scale: of the network; inputs are downscaled by it.
        sigma: noise level on the 0–255 scale; if not given, `CHECKED_SIGMAS` for a denoiser, and 0 for super-resolution.
    """
    largest = 0.0
    for clean, noisy, level in _examples(channels, scale, sigma):
        expected, found = (psnr(run(noisy, level, bf16=bf16), clean).item() for bf16 in (False, True))
        difference = 0.0 if found == expected else abs(found - expected)
        largest = max(largest, difference if math.isfinite(difference) else math.inf)
    return largest


@runtime_checkable
class Restores(Protocol):
    """Restores an image; sigma is for noise-conditional networks, on the 0–255 scale."""

    def __call__(self, image: Tensor, *, sigma: float) -> Tensor: ...


def psnr_loss(reference: Restores, other: Restores, channels: int, scale: int) -> float:
    """How far the PSNR falls at most from one restorer to another, in dB, on the images of `bf16_difference`; below 0 if it rises.

    Args:
        reference, other: they restore images of these channels, and enlarge them by this scale.
        channels: 1 for grey, 3 for RGB.
        scale: 1 for a denoiser.
    """
    losses = [
        (psnr(reference(noisy[0], sigma=level)[None], clean) - psnr(other(noisy[0], sigma=level)[None], clean)).item()
        for clean, noisy, level in _examples(channels, scale, None)
    ]
    return max(loss if math.isfinite(loss) else math.inf for loss in losses)


def _examples(channels: int, scale: int, sigma: float | None) -> Iterator[tuple[Tensor, Tensor, float]]:
    """A patch, what a network is given of it, and the noise level."""
    clean = to_float(embedded("heldout", grey=channels == 1)[0][:, 150 : 150 + 96, 180 : 180 + 96])
    image = clean if scale == 1 else nn.functional.avg_pool2d(clean, scale)
    for level in (sigma,) if sigma is not None else CHECKED_SIGMAS if scale == 1 else (0.0,):
        yield clean[None], Gaussian(level)(image, generator("self-check"))[0][None], level
