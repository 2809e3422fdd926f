"""Label maps as what a network computes with: one channel for each label, and the edges of objects."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad


def one_hot(ids: Int[Tensor, "batch 1 height width"], labels: int) -> Float[Tensor, "batch labels height width"]:
    """One channel for each label: 1 where a pixel has it, otherwise 0. Made on the device of the ids, a byte copied for each pixel.

    Example:
        >>> one_hot(torch.tensor([[[[0, 2]]]]), 3).tolist()
        [[[[1.0, 0.0]], [[0.0, 0.0]], [[0.0, 1.0]]]]
    """
    batch, _, height, width = ids.shape
    channels = torch.zeros(batch, height, width, labels, device=ids.device)  # channels last, as convolutions are
    return channels.scatter_(3, ids.permute(0, 2, 3, 1), 1.0).permute(0, 3, 1, 2)


def instance_edges(instances: Int[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """1 where one of a pixel's four neighbours belongs to another object, otherwise 0.

    Source: Wang et al. 2018 (pix2pixHD), section 3.3.

    Example:
        >>> instance_edges(torch.tensor([[[[1, 1, 1, 2, 2]]]])).tolist()
        [[[[0.0, 0.0, 1.0, 1.0, 0.0]]]]
    """
    right = instances[..., :, 1:] != instances[..., :, :-1]
    below = instances[..., 1:, :] != instances[..., :-1, :]
    beside = pad(right, (0, 1)) | pad(right, (1, 0))
    above = pad(below, (0, 0, 0, 1)) | pad(below, (0, 0, 1, 0))
    return (beside | above).float()


def encoded(
    source: Int[Tensor, "batch 1 height width"] | Float[Tensor, "batch 3 height width"],
    labels: int,
    instances: Int[Tensor, "batch 1 height width"] | None = None,
) -> Float[Tensor, "batch channels height width"]:
    """A label map one-hot, or with `labels` 0 an image in [0, 1] as [−1, 1]; and the edges of instances, where they are given."""
    channels = one_hot(source, labels) if labels else 2 * source - 1
    return channels if instances is None else torch.cat([channels, instance_edges(instances)], 1)
