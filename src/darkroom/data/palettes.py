"""Label maps as colours to look at, and back: a palette has one RGB colour for each id."""

import colorsys
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from darkroom.core.errors import DarkroomError

Palette = Sequence[tuple[int, int, int]]
"""The RGB colour (0–255) of each id, counted from 0."""


def coloured(ids: Int[Tensor, "1 height width"], palette: Palette) -> UInt8[Tensor, "3 height width"]:
    """A label map in the colours of a palette; ids outside it are black.

    Example:
        >>> coloured(torch.tensor([[[0, 1, 7]]]), [(255, 0, 0), (0, 0, 255)]).tolist()
        [[[255, 0, 0]], [[0, 0, 0]], [[0, 255, 0]]]
    """
    colours = torch.tensor([*palette, (0, 0, 0)], dtype=torch.uint8)
    known = (ids >= 0) & (ids < len(palette))
    return colours[torch.where(known, ids, len(palette)).long()[0]].permute(2, 0, 1).contiguous()


def ids_of(colours: UInt8[Tensor, "3 height width"], palette: Palette) -> Int[Tensor, "1 height width"]:
    """The label map whose colours these are; of equal colours in a palette, the first id.

    Raises:
        DarkroomError: a pixel has a colour that is not in the palette.

    Example:
        >>> palette = [(255, 0, 0), (0, 0, 255)]
        >>> ids_of(coloured(torch.tensor([[[1, 0]]]), palette), palette).tolist()
        [[[1, 0]]]
    """
    numbers = {_number(*colour): index for index, colour in reversed(list(enumerate(palette)))}
    red, green, blue = colours.long()
    found, place = _number(red, green, blue).unique(return_inverse=True)
    ids = [numbers.get(number, -1) for number in found.tolist()]
    if -1 in ids:
        unknown = found[ids.index(-1)].item()
        raise DarkroomError(f"the colour #{unknown:06x} is none of the {len(palette)} colours of the labels")
    return torch.tensor(ids)[place][None]


def distinct(count: int) -> Palette:
    """Colours for ids without a palette: hues far apart, neighbouring ids of different lightness.

    Example:
        >>> len(set(distinct(40)))
        40
    """
    return [_rounded(colorsys.hls_to_rgb(0.618034 * id % 1, (0.35, 0.5, 0.65)[id % 3], 0.6)) for id in range(count)]


def _rounded(colour: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in colour)
    return red, green, blue


def _number(red: Any, green: Any, blue: Any) -> Any:  # integers or tensors
    return (red << 16) + (green << 8) + blue
