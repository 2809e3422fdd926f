"""Perceptual quality: whether an image looks like a photograph, which fidelity does not measure and often trades away."""

from functools import lru_cache
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.images import round_to_8_bits
from darkroom.core.pretrained import ALEXNET, VGG16
from darkroom.metrics.per_image import Images, PerImageMetric

Backbone = Literal["alex", "vgg"]

_BACKBONES = {"alex": ALEXNET, "vgg": VGG16}


def lpips(backbone: Backbone = "alex") -> PerImageMetric:
    """Learned perceptual image patch similarity (Zhang et al. 2018), version 0.1, through torchmetrics.

    Its network's weights are downloaded at the first use if they are not in PyTorch's cache; `missing()` says so before.
    """

    def compute(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
        network = _network(backbone, str(target.device))
        pairs = zip(round_to_8_bits(prediction), target.float(), strict=True)
        with torch.no_grad():
            return torch.stack([network(ours[None], theirs[None]) for ours, theirs in pairs])

    return PerImageMetric(
        f"lpips_{backbone}",
        f"LPIPS {backbone}",
        "",
        f"LPIPS 0.1 with {_BACKBONES[backbone].title} features, images in [-1, 1]; prediction clipped and rounded to 8 bits; "
        "mean over images; lower is closer.",
        higher_is_better=False,
        quality="perception",
        function=compute,
        requires=_BACKBONES[backbone].missing,
    )


def find_lpips(backbone: Backbone) -> None:
    """Make sure that the features of `lpips(backbone)` are in the cache; download them if they are not.

    Raises:
        DarkroomError: they are not, and could not be downloaded.
    """
    _BACKBONES[backbone].find()


@lru_cache(maxsize=2)
def _network(backbone: Backbone, device: str) -> Any:
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity  # slow to import

    find_lpips(backbone)
    return LearnedPerceptualImagePatchSimilarity(backbone, normalize=True).to(device).eval()


def _gradients(images: Images) -> Float[Tensor, "batch many"]:
    grey = round_to_8_bits(images).mean(1)
    return torch.cat([grey.diff(dim=-1).flatten(1), grey.diff(dim=-2).flatten(1)], 1)


def _gradient_distance(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
    ours, theirs = (_gradients(x).sort(dim=1).values for x in (prediction, target))
    return (ours - theirs).abs().mean(1).double()


gradient_distance = PerImageMetric(
    "gradient_w1",
    "gradients W1",
    "",
    "Wasserstein-1 distance between the distributions of differences of neighbouring pixels (mean of channels, horizontal and "
    "vertical) in the prediction and in the target; 0 where both are equally sharp and equally rough, wherever in the image; "
    "prediction clipped and rounded to 8 bits; mean over images; lower is closer.",
    higher_is_better=False,
    quality="perception",
    function=_gradient_distance,
)
"""Distance of the gradients' statistics from the target's: a divergence of distributions, in the sense of the
perception-distortion trade-off (Blau & Michaeli 2018), that needs no network."""
