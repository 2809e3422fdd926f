"""Transforms drawn once and applied alike to every image and label map of an example."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from darkroom.core.images import is_image, to_float
from darkroom.core.method import Example
from darkroom.operators.dihedral import dihedral

Augmentation = Literal["dihedral", "flip", "none"]
"""All eight combinations of flips and rotations by 90°, a horizontal flip or none, or neither."""

ELEMENTS: dict[str, int] = {"dihedral": 8, "flip": 2, "none": 1}
"""How many of `operators.dihedral`'s elements, from the first on, an augmentation draws from."""


@dataclass(frozen=True)
class JointTransform:
    """A crop, then a flip and rotation, then an order of the colour channels; images become float in [0, 1].

    Images and label maps `(channel, height, width)` are cropped, flipped and rotated; colours are changed in images only. Every
    pixel is a pixel of the original, so the ids of a label map stay what they were. Other tensors (a class, a noise level) are
    returned unchanged.

    Args:
        size: height and width of the crop; None for the whole image.
        top, left: its position, as large random integers: taken modulo the number of positions.
        element: of the dihedral group, 0 to 7; see `operators.dihedral`.
        channels: order of the colour channels, or None.

    Example:
        >>> image = torch.arange(16, dtype=torch.uint8).view(1, 4, 4)
        >>> transform = JointTransform((2, 2), top=1, left=2, element=1)
        >>> transform(image.long()).tolist()
        [[[7, 6], [11, 10]]]
    """

    size: tuple[int, int] | None
    top: int
    left: int
    element: int = 0
    channels: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Transform one tensor of an example."""
        if x.ndim != 3:
            return x
        x = dihedral(x, self.element) if self.size is None else crop(x, *self.size, self.top, self.left, self.element)
        if not is_image(x):
            return x.contiguous()
        if self.channels is not None and len(x) == len(self.channels):
            x = x[self.channels]
        return (x if x.is_floating_point() else to_float(x)).contiguous()

    def of_example(self, example: Example) -> Example:
        """Transform every tensor of an example alike.

        Raises:
            ValueError: its images and label maps differ in size, so that no crop fits both.
        """
        tensors = (example.input, example.target, *example.condition)
        if len({x.shape[1:] for x in tensors if x.ndim == 3}) > 1:
            raise ValueError(f"sizes differ within an example: {', '.join(str(tuple(x.shape)) for x in tensors)}")
        input, target, *condition = map(self, tensors)
        return Example(input, target, tuple(condition))


def crop(
    image: Shaped[Tensor, "channel height width"], height: int, width: int, top: int, left: int, element: int
) -> Shaped[Tensor, "channel new_height new_width"]:
    """A crop of `height` × `width`, then flipped and rotated by an element of the dihedral group.

    An image smaller than the crop is extended by reflection.

    Args:
        image: of any dtype.
        height, width: of the crop, before it is rotated.
        top, left: its position, as large random integers: taken modulo the number of positions.
        element: any integer; taken modulo 8.
    """
    image = _extended(image, height, width)
    top, left = top % (image.shape[1] - height + 1), left % (image.shape[2] - width + 1)
    return dihedral(image[:, top : top + height, left : left + width], element % 8)


def _extended(image: Shaped[Tensor, "channel h w"], height: int, width: int) -> Shaped[Tensor, "channel h2 w2"]:
    missing = [max(0, height - image.shape[1]), max(0, width - image.shape[2])]
    if not any(missing):
        return image
    return torch.from_numpy(np.pad(image.numpy(), [(0, 0), *((0, more) for more in missing)], mode="symmetric"))
