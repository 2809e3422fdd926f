"""Pairs in one file, input and target side by side: the layout of pix2pix (Isola, Zhu, Zhou, Efros 2017)."""

from pathlib import Path
from typing import Literal

from darkroom.data.image_set import ImageSet, name_of
from darkroom.data.paired_folders import PairedFolders
from darkroom.data.readers import Reader, half, resized

Direction = Literal["AtoB", "BtoA"]
"""A is the left half and B the right one."""


def side_by_side(
    path: Path, direction: Direction, *, name: str | None = None, size: tuple[int, int] | None = None
) -> PairedFolders:
    """The pairs of a folder or zip file of images with two halves each.

        side_by_side(data_root() / "facades" / "train", "BtoA")

    Args:
        path: the folder or the zip file.
        direction: "AtoB": the left half is the input and the right one the target; "BtoA": the other way around.
        name: of the dataset in tables; by default that of the folder.
        size: height and width to which each half is resized; None keeps them.
    """

    def images(side: Literal["left", "right"]) -> ImageSet:
        read: Reader = half(side)
        return ImageSet.from_path(path, name=name, read=resized(*size, read) if size else read)

    left, right = images("left"), images("right")
    inputs, targets = (left, right) if direction == "AtoB" else (right, left)
    return PairedFolders(name or name_of(path), inputs, targets)
