"""Does it look like a photograph? What fidelity does not say, and often pays for."""

from functools import lru_cache
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.images import round_to_8_bits
from darkroom.core.pretrained import ALEXNET, VGG16
from darkroom.metrics.fidelity import Images, Metric

Backbone = Literal["alex", "vgg"]

_BACKBONES = {"alex": ALEXNET, "vgg": VGG16}


def lpips(backbone: Backbone = "alex") -> Metric:
    """Learned perceptual image patch similarity (Zhang et al. 2018), version 0.1, through torchmetrics."""

    def compute(prediction: Images, target: Images) -> Float[Tensor, " batch"]:
        network = _network(backbone, str(target.device))
        pairs = zip(round_to_8_bits(prediction), target.float(), strict=True)
        with torch.no_grad():
            return torch.stack([network(mine[None], truth[None]) for mine, truth in pairs])

    return Metric(
        f"lpips_{backbone}",
        f"LPIPS {backbone}",
        "",
        f"LPIPS 0.1 with {_BACKBONES[backbone].title} features, images in [-1, 1]; output clipped and rounded to 8 "
        "bits; mean over images; lower is closer.",
        compute,
        higher_is_better=False,
        about="perception",
        missing=_BACKBONES[backbone].missing,
    )


def find_lpips(backbone: Backbone) -> None:
    """Make sure that the features of `lpips(backbone)` are there.

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
    mine, truth = (_gradients(x).sort(dim=1).values for x in (prediction, target))
    return (mine - truth).abs().mean(1).double()


gradient_distance = Metric(
    "gradient_w1",
    "gradients W1",
    "",
    "Wasserstein-1 distance between the distributions of the image's and the truth's differences of neighbouring "
    "pixels (mean of channels, horizontal and vertical); 0 if the image is as sharp and as rough as the truth, "
    "wherever; output clipped and rounded to 8 bits; mean over images; lower is closer.",
    _gradient_distance,
    higher_is_better=False,
    about="perception",
)
"""How far the statistics of gradients are from the truth's: a divergence of distributions, in the sense of the
perception-distortion trade-off (Blau & Michaeli 2018), that needs no network."""
