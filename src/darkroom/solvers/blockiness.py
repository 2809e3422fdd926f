"""How visible the blocks of JPEG are in an image."""

from jaxtyping import Float
from torch import Tensor

BLOCK = 8
"""Side of JPEG's blocks in pixels."""


def blockiness(image: Float[Tensor, "channel height width"]) -> float:
    """How much larger steps between neighbouring pixels are where two blocks of JPEG meet: about 1 without compression.

    With d_k the mean absolute difference between columns 8 j + k and 8 j + k + 1 over all j (and likewise for rows), it is
    2 d_7 / (d_6 + d_0). Blocks begin at the upper left corner, so they are not seen in a crop.

    Args:
        image: in any units.

    Returns:
        The mean over both directions; 1 for an image with a side below 24 pixels, or without any differences.

    Example:
        >>> import torch
        >>> from darkroom.operators.jpeg import compress
        >>> image = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> smooth = torch.nn.functional.avg_pool2d(image[None], 9, 1, 4)[0]
        >>> blockiness(smooth) < 1.1 < blockiness(compress(smooth, 10))
        True
    """
    if min(image.shape[1:]) < 3 * BLOCK:
        return 1.0
    luma = image.mean(0)
    return (_ratio(luma) + _ratio(luma.T)) / 2


def _ratio(plane: Tensor) -> float:
    steps = plane.diff(dim=1).abs().mean(0)
    inside, seam, after = (steps[offset::BLOCK].mean().item() for offset in (BLOCK - 2, BLOCK - 1, BLOCK))
    return 2 * seam / (inside + after) if inside + after > 0 else 1.0
