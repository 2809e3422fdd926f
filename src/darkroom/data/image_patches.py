"""Patches on a fixed grid over images, as a dataset of small images."""

from functools import cached_property

import torch
from jaxtyping import UInt8
from torch import Tensor

from darkroom.core.dataset import Dataset, digest
from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float, to_uint8
from darkroom.core.method import Example
from darkroom.core.record import DataRecord
from darkroom.data.image_set import ImageSet
from darkroom.operators.resample import resize


class ImagePatches(Dataset):
    """Every patch of a grid over the images of a set, each an image of its own.

    Args:
        name: of the dataset.
        images: the set.
        size: side of a patch in pixels.
        stride: distance of neighbouring patches.
        reduction: the images are reduced by this factor first, so that a patch has more of the scene in it.

    Example:
        >>> from darkroom.data.embedded import embedded
        >>> patches = ImagePatches("patches", embedded("heldout"), size=16, stride=16, reduction=4)
        >>> len(patches), tuple(patches.example(0).input.shape)
        (178, (3, 16, 16))
    """

    def __init__(self, name: str, images: ImageSet, *, size: int, stride: int, reduction: int = 1) -> None:
        if min(size, stride, reduction) < 1:
            raise DarkroomError(f"size, stride and reduction of patches are at least 1, given {size}, {stride} and {reduction}")
        self.name, self.images, self.size, self.stride, self.reduction = name, images, size, stride, reduction

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self._places]

    def open(self) -> None:
        """Read the images and cut them up."""
        self.images.open()
        _ = self._patches

    def __len__(self) -> int:
        return len(self._patches)

    def example(self, index: int) -> Example:
        return Example(self._patches[index], self._patches[index])

    def describe(self) -> DataRecord:
        sample = f"{self.size}x{self.size} patch on a grid of {self.stride} pixels, images reduced by {self.reduction}"
        return DataRecord(self.name, len(self), samples_per_step=0, sample=sample, degradation="none")

    def digests(self) -> dict[str, str]:
        return dict(zip(self.names, map(digest, self._patches), strict=True))

    @cached_property
    def _reduced(self) -> dict[str, UInt8[Tensor, "channel height width"]]:
        found = {}
        for index, name in enumerate(self.images.names):
            height, width = (side // self.reduction for side in self.images[index].shape[1:])
            reduced = resize(to_float(self.images[index])[None], height, width, "bilinear")[0]
            found[name] = to_uint8(reduced.clamp(0, 1))
        return found

    @cached_property
    def _places(self) -> list[tuple[str, tuple[str, int, int]]]:
        """Name of every patch, and its image, top and left."""
        found = []
        for name, image in self._reduced.items():
            for top in range(0, image.shape[1] - self.size + 1, self.stride):
                for left in range(0, image.shape[2] - self.size + 1, self.stride):
                    found.append((f"{name}/{top:04d}_{left:04d}", (name, top, left)))
        if not found:
            raise DarkroomError(f"no image of {self.images.name} is as large as a patch of {self.size}x{self.size}")
        return found

    @cached_property
    def _patches(self) -> UInt8[Tensor, "patch channel size size"]:
        size = self.size
        return torch.stack(
            [self._reduced[name][:, top : top + size, left : left + size] for _, (name, top, left) in self._places]
        )
