"""The same part of several images, to look at side by side."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def centre_crops(*images: Tensor, side: int) -> list[Tensor]:
    """The same centre crop of several images `(channel, height, width)` of one scene, clipped to [0, 1].

    Images may differ in resolution by whole factors (an image and its downscaled copy); the crops show the same part of the
    scene, with at most `side` pixels a side in the largest.

    Example:
        >>> low, high = torch.rand(3, 100, 150), torch.rand(3, 200, 300)
        >>> [tuple(crop.shape) for crop in centre_crops(low, high, side=64)]
        [(3, 32, 32), (3, 64, 64)]
    """
    smallest = min(image.shape[-1] for image in images)
    within = side // (max(image.shape[-1] for image in images) // smallest)  # in pixels of the smallest image
    crops = []
    for image in images:
        scale, crop = round(image.shape[-1] / smallest), image
        for axis in (1, 2):
            length = image.shape[axis] // scale
            kept = min(length, within)
            crop = crop.narrow(axis, (length - kept) // 2 * scale, kept * scale)
        crops.append(crop.clamp(0, 1))
    return crops


def side_by_side(images: Sequence[Tensor]) -> Tensor:
    """One strip of images `(channel, height, width)`; smaller ones are upscaled by repeating pixels, grey ones become RGB.

    Example:
        >>> tuple(side_by_side([torch.zeros(3, 4, 4), torch.zeros(3, 8, 8)]).shape)
        (3, 8, 16)
    """
    height, width, channels = (max(image.shape[axis] for image in images) for axis in (1, 2, 0))
    resized = [nn.functional.interpolate(image[None], (height, width))[0] for image in images]
    return torch.cat([image.expand(channels, -1, -1) if len(image) == 1 else image for image in resized], dim=2)
