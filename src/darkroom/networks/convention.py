"""Which convention a public checkpoint follows, where its tensors do not tell: found by a test image."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator

SIDE, SIGMA = 48, 25 / 255
"""Of the input image, in pixels, and of the noise on it, for denoisers."""

_ALLOWED_LOSS = 3.0
"""Decibels that a denoiser may lose against its input: one for another kind of noise or for JPEG artifacts does."""

_LEAST_UPSCALED = 20.0
"""Least PSNR of an upscaled smooth image, in dB: nearest-neighbour interpolation has 28 dB or more."""


def by_test_image(candidates: Mapping[str, RestorationNetwork], name: str) -> RestorationNetwork:
    """The network that restores a test image best, of several that hold the same weights.

    Two checkpoints may have tensors of the same names and shapes and differ in what is done around them: whether the output is
    the noise or the image, or the range of values. Only one convention gives an image. The test image is smooth; for
    denoisers it has Gaussian noise of σ = 25, which is given to noise-conditional ones. The same weights always give the same
    answer.

    Args:
        candidates: networks by the convention in words, the usual one first: another must be better by 0.1 dB.
        name: of the network, for the message.

    Raises:
        DarkroomError: no candidate gives an image: a denoiser is more than 3 dB below its own input, an upscaled image is below
            20 dB.
    """
    networks = list(candidates.values())
    target = smooth_image(networks[0].channels, SIDE * networks[0].scale)
    image, least = _input(networks[0], target)
    found = {words: _psnr(_restored(network, image), target) for words, network in candidates.items()}
    best = next(words for words, psnr in found.items() if psnr >= max(found.values()) - 0.1)
    if not found[best] >= least:
        listed = ", ".join(f"{psnr:.1f} dB {words}" for words, psnr in found.items())
        raise DarkroomError(
            f"the tensors are those of {name}, but it does not restore a test image ({listed}; at least {least:.1f} dB are "
            "expected): it was trained for another task, another range of values, or with other layers between its convolutions"
        )
    return candidates[best]


def smooth_image(channels: int, side: int) -> Float[Tensor, "1 channels side side"]:
    """An image of three waves a side in [0.1, 0.9]; the same scene at every size.

    Example:
        >>> image = smooth_image(3, 48)
        >>> 0.1 <= float(image.min()) and float(image.max()) <= 0.9
        True
    """
    at = 2 * math.pi * (torch.arange(side) + 0.5) / side
    phase = torch.arange(channels).view(-1, 1, 1)
    waves = torch.sin(2 * at[:, None] + phase) * torch.cos(at + 0.5 * phase) + torch.sin(3 * at + 2 * phase)
    return (0.5 + 0.2 * waves)[None]


def _input(network: RestorationNetwork, target: Tensor) -> tuple[Tensor, float]:
    """The network's input for the test image, and the least PSNR of its output."""
    if network.scale > 1:
        return torch.nn.functional.avg_pool2d(target, network.scale), _LEAST_UPSCALED
    noisy = target + SIGMA * torch.randn(target.shape, generator=generator("convention", "noise"))
    return noisy, _psnr(noisy, target) - _ALLOWED_LOSS


def _restored(network: RestorationNetwork, image: Tensor) -> Tensor:
    condition = (torch.full((1,), SIGMA),) if network.noise_conditional else ()
    training = network.training
    with torch.no_grad():
        restored: Tensor = network.eval()(image, *condition)
    network.train(training)
    return restored


def _psnr(image: Tensor, target: Tensor) -> float:
    return -10 * math.log10(max(1e-12, float((image.double() - target).square().mean().nan_to_num(1e6))))
