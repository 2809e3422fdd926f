"""Many small images as one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from darkroom.core.evaluation import PREVIEW_SIDE


def columns(width: int) -> int:
    """How many images of a width stand side by side in a grid: 2 to 8.

    Example:
        >>> columns(32), columns(64), columns(1024)
        (8, 7, 2)
    """
    return min(8, max(2, PREVIEW_SIDE // (width + 2)))


def grid(images: Sequence[Tensor], side_by_side: int | None = None) -> Tensor:
    """Images `(channel, height, width)` of equal shape as a square grid with white lines, clipped to [0, 1].

    Args:
        images: those beyond a square of `columns` are left out.
        side_by_side: so many in a row, and all images in as many rows as that takes.

    Example:
        >>> tuple(grid(list(torch.zeros(64, 3, 32, 32))).shape)
        (3, 274, 274)
    """
    channels, height, width = images[0].shape
    many = side_by_side or columns(width)
    images = images if side_by_side else images[: many * many]
    rows = -(-len(images) // many)
    whole = torch.ones(channels, rows * (height + 2) + 2, many * (width + 2) + 2)
    for number, image in enumerate(images):
        top, left = number // many * (height + 2) + 2, number % many * (width + 2) + 2
        whole[:, top : top + height, left : left + width] = image.clamp(0, 1)
    return whole
