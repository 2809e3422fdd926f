"""Readers for `ImageSet`: halves of a file, and images or label maps resized as they are read."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Integer, UInt8
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.image_codecs import Source
from darkroom.core.images import read_ids, read_uint8, to_float, to_uint8
from darkroom.operators.resample import resize

Reader = Callable[[Source], Tensor]
"""Reads an image `(channel, height, width)` from a path, or from the bytes of a member of a zip file."""


def half(side: Literal["left", "right"]) -> Reader:
    """Read the left or the right half of an image.

    The reader raises:
        DarkroomError: the image's width is odd.
    """

    def read(source: Source) -> UInt8[Tensor, "channel height width"]:
        image = read_uint8(source)
        width = image.shape[2]
        if width % 2:
            raise DarkroomError(f"{source} is {width} pixels wide, an odd number: it has no two halves of equal size")
        return image[:, :, : width // 2].clone() if side == "left" else image[:, :, width // 2 :].clone()

    return read


def resized(height: int, width: int, read: Reader = read_uint8) -> Reader:
    """Resize images as they are read: bicubic, antialiased, clipped and rounded to 8 bits."""

    def read_resized(source: Source) -> UInt8[Tensor, "channel height width"]:
        image = read(source)
        if tuple(image.shape[1:]) == (height, width):
            return image
        return to_uint8(resize(to_float(image)[None], height, width, "bicubic"))[0]

    return read_resized


def resized_ids(height: int, width: int, read: Reader = read_ids) -> Reader:
    """Resize label maps as they are read, also those in colours: each pixel takes the id of the nearest one, so none is invented."""

    def read_resized(source: Source) -> Integer[Tensor, "channel height width"]:
        ids = read(source)
        rows, columns = _nearest(ids.shape[1], height), _nearest(ids.shape[2], width)
        return ids[:, rows][:, :, columns]

    return read_resized


def _nearest(length: int, new: int) -> Tensor:
    """The old index whose pixel centre is nearest to each new one's: floor((i + ½) · length / new)."""
    return (2 * torch.arange(new) + 1) * length // (2 * new)
