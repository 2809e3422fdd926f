"""How the notebooks of this folder show images and tables."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from darkroom.core.images import to_uint8
from darkroom.evaluations.grid import grid


def picture(*images: Tensor, columns: int = 0, zoom: int = 1) -> Image.Image:
    """Images `(channel, height, width)` in [0, 1] beside each other; smaller ones are enlarged, every pixel as a square.

    Args:
        images: whose sides are whole fractions of the largest one's.
        columns: how many stand side by side; 0 for all of them.
        zoom: how many times all are enlarged.
    """
    height = zoom * max(image.shape[1] for image in images)
    alike = [image.expand(3, -1, -1)[None].float() for image in images]
    sized = [torch.nn.functional.interpolate(image, scale_factor=height // image.shape[2])[0] for image in alike]
    return Image.fromarray(to_uint8(grid(sized, columns or len(sized))).permute(1, 2, 0).numpy())


class Table:
    """A table that a notebook shows.

    Args:
        heads: of the columns.
        lines: values; numbers are shown with two decimals.
    """

    def __init__(self, heads: Sequence[str], *lines: Sequence[object]) -> None:
        self.heads, self.lines = heads, lines

    def _repr_markdown_(self) -> str:
        rule = ["---", *(["---:"] * (len(self.heads) - 1))]
        rows = [self.heads, rule, *([_spelled(value) for value in line] for line in self.lines)]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _spelled(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
