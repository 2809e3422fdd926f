"""Padding of images for networks with windows, pooling or strides."""

from jaxtyping import Float
from torch import Tensor, nn


def pad_to_multiple(
    images: Float[Tensor, "batch channel height width"], multiple: int
) -> Float[Tensor, "batch channel padded_height padded_width"]:
    """Pad at the right and at the bottom, so that both sides are multiples of `multiple`.

    By reflection, or by replication of the edge where the image is smaller than the padding.

    Example:
        >>> import torch
        >>> pad_to_multiple(torch.rand(1, 3, 30, 41), 8).shape
        torch.Size([1, 3, 32, 48])
    """
    below, right = (-length % multiple for length in images.shape[-2:])
    if not below and not right:
        return images
    mode = "reflect" if below < images.shape[-2] and right < images.shape[-1] else "replicate"
    return nn.functional.pad(images, (0, right, 0, below), mode=mode)
