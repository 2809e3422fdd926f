"""The dihedral group of the square: the eight combinations of a flip and rotations by 90°."""

import torch
from torch import Tensor


def dihedral(image: Tensor, element: int) -> Tensor:
    """Flip and rotate the last two axes: a horizontal flip if `element` is odd, then `element // 2` rotations by 90°.

    Args:
        image: `(..., height, width)`; a rotation by 90° exchanges its sides.
        element: 0 (the identity) to 7.

    Example:
        >>> image = torch.tensor([[1, 2], [3, 4]])
        >>> dihedral(image, 1).tolist()
        [[2, 1], [4, 3]]
        >>> dihedral(image, 2).tolist()
        [[2, 4], [1, 3]]
    """
    return torch.rot90(image.flip(-1) if element % 2 else image, element // 2, (-2, -1))


def inverse_dihedral(image: Tensor, element: int) -> Tensor:
    """Undo `dihedral`: `inverse_dihedral(dihedral(image, element), element)` is `image`.

    Example:
        >>> image = torch.arange(6).view(2, 3)
        >>> all(torch.equal(inverse_dihedral(dihedral(image, element), element), image) for element in range(8))
        True
    """
    rotated = torch.rot90(image, -(element // 2), (-2, -1))
    return rotated.flip(-1) if element % 2 else rotated
