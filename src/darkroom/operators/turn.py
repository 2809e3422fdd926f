"""The eight ways to flip and turn a square."""

import torch
from torch import Tensor


def turned(picture: Tensor, which: int) -> Tensor:
    """One of them (0 to 7), of the last two axes: mirrored if odd, then `which // 2` quarter turns."""
    return torch.rot90(picture.flip(-1) if which % 2 else picture, which // 2, (-2, -1))


def turned_back(picture: Tensor, which: int) -> Tensor:
    """The picture of which this is `turned(picture, which)`."""
    back = torch.rot90(picture, -(which // 2), (-2, -1))
    return back.flip(-1) if which % 2 else back
