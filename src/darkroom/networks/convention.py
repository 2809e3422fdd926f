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

LEAST_DENOISED, LEAST_UPSCALED = 12.0, 20.0
"""Least PSNR of an output that counts as the image, in dB. A denoiser's input has 20.2, and one for JPEG artifacts may leave the
noise; a constant has 11, noise in place of the image 5. Nearest-neighbour interpolation of the test image has 32 or more."""


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
        DarkroomError: no candidate gives an image: a denoiser's output is below 12 dB, an upscaled image below 20 dB.
    """
    first = next(iter(candidates.values()))
    target = smooth_image(first.channels, SIDE * first.scale)
    image, least = _input(first.scale, target)
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
    """A plane wave in [0.1, 0.9], of another phase in each channel; the same scene at every size.

    Example:
        >>> image = smooth_image(3, 48)
        >>> 0.1 <= float(image.min()) and float(image.max()) <= 0.9
        True
    """
    at = 2 * math.pi * (torch.arange(side) + 0.5) / side
    phase = torch.arange(channels).view(-1, 1, 1)
    return (0.5 + 0.4 * torch.sin(2 * at[:, None] + at + phase))[None]


def _input(scale: int, target: Tensor) -> tuple[Tensor, float]:
    """The input for the test image, and the least PSNR of the output."""
    if scale > 1:
        return torch.nn.functional.avg_pool2d(target, scale), LEAST_UPSCALED
    return target + SIGMA * torch.randn(target.shape, generator=generator("convention", "noise")), LEAST_DENOISED


def _restored(network: RestorationNetwork, image: Tensor) -> Tensor:
    condition = (torch.full((1,), SIGMA),) if network.noise_conditional else ()
    training = network.training
    with torch.no_grad():
        restored: Tensor = network.eval()(image, *condition)
    network.train(training)
    return restored


def _psnr(image: Tensor, target: Tensor) -> float:
    """In dB, of the central half of the image, away from what networks do at its border."""
    border = target.shape[-1] // 4
    error = (image.double() - target)[..., border:-border, border:-border].square().mean().nan_to_num(1e6)
    return -10 * math.log10(max(1e-12, float(error)))
