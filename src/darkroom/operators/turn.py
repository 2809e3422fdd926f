"""The eight ways to flip and turn a square."""

import torch
from torch import Tensor


def turned(image: Tensor, which: int) -> Tensor:
    """One of them (0 to 7), of the last two axes: mirrored if odd, then `which // 2` quarter turns."""
    return torch.rot90(image.flip(-1) if which % 2 else image, which // 2, (-2, -1))


def turned_back(image: Tensor, which: int) -> Tensor:
    """The image of which this is `turned(image, which)`."""
    back = torch.rot90(image, -(which // 2), (-2, -1))
    return back.flip(-1) if which % 2 else back
