"""A confusion matrix to look at."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from darkroom.core.colour_maps import colours_of
from darkroom.core.images import to_float, to_uint8

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SIDE, GAP = 512, 8
"""Of the drawing, and around its parts, in pixels."""

NAMED = 40
"""Up to so many classes, axes carry their names."""


def confusion_image(matrix: Int[Tensor, "classes classes"], classes: Sequence[str]) -> Float[Tensor, "3 height width"]:
    """A drawing of a confusion matrix: a row for each true class, as shares of the class; `[i, j]` counts i predicted as j.

    Example:
        >>> tuple(confusion_image(torch.eye(3, dtype=torch.long), ["cat", "dog", "owl"]).shape)
        (3, 512, 512)
    """
    names = list(classes) if len(classes) <= NAMED else []
    font = ImageFont.load_default(max(6, min(12, 220 / max(len(classes), 1))))
    words = min(max((int(font.getlength(name)) for name in names), default=0), SIDE // 3)
    corner = words + 4 * GAP  # left of the cells, and below them
    side = SIDE - corner - GAP
    shares = colours_of(matrix / matrix.sum(1, keepdim=True).clamp(min=1), "viridis")
    cells = Image.fromarray(to_uint8(shares).permute(1, 2, 0).numpy())
    drawing = Image.new("RGB", (SIDE, SIDE), "white")
    drawing.paste(cells.resize((side, side), Image.Resampling.NEAREST), (corner, GAP))
    drawing.paste(_axis(names, "class", font, corner, side, Image.Transpose.ROTATE_90), (0, GAP))
    columns = _axis(names, "predicted class", font, corner, side, Image.Transpose.ROTATE_270)
    drawing.paste(columns.transpose(Image.Transpose.ROTATE_90), (corner, GAP + side))
    return to_float(torch.from_numpy(np.array(drawing)).permute(2, 0, 1))


def _axis(names: Sequence[str], title: str, font: Font, width: int, height: int, turn: Image.Transpose) -> Image.Image:
    """Names below each other, which end at the right, and at the left the title, turned."""
    axis = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(axis)
    for place, name in enumerate(names):
        pen.text((width - GAP // 2, (place + 0.5) * height / len(names)), name, "black", font, anchor="rm")
    written = Image.new("RGB", (height, 2 * GAP), "white")
    ImageDraw.Draw(written).text((height / 2, GAP), title, "black", ImageFont.load_default(13), anchor="mm")
    axis.paste(written.transpose(turn), (0, 0))
    return axis
