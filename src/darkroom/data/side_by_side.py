"""Pairs in one file, input and target side by side: the layout of pix2pix (Isola, Zhu, Zhou, Efros 2017)."""

from pathlib import Path
from typing import Literal

from darkroom.core.errors import DarkroomError
from darkroom.data.image_set import File, ImageSet, image_files, name_of
from darkroom.data.paired_folders import PairedFolders
from darkroom.data.readers import Reader, half, resized, resized_ids

Direction = Literal["AtoB", "BtoA"]
"""A is the left half and B the right one."""


def side_by_side(
    path: Path,
    direction: Direction,
    *,
    name: str | None = None,
    size: tuple[int, int] | None = None,
    labels: Literal["A", "B"] | None = None,
    remedy: str = "",
) -> PairedFolders:
    """The pairs of a folder or zip file of images with two halves each.

        side_by_side(data_root() / "facades" / "train", "BtoA", labels="B")

    Args:
        path: the folder or the zip file.
        direction: "AtoB": the left half is the input and the right one the target; "BtoA": the other way around.
        name: of the dataset in tables; by default that of the folder.
        size: height and width to which each half is resized; None keeps them.
        labels: the half that is a label map in colours: it is resized by nearest neighbours, so that no colour is invented.
        remedy: what to do where there is no such folder, for the error message.
    """

    def find() -> dict[str, File]:
        if remedy and not path.exists():
            raise DarkroomError(f"{name_of(path.parent)} is not at {path}: {remedy}")
        return image_files(path)

    def images(side: Literal["left", "right"]) -> ImageSet:
        read: Reader = half(side)
        if size:
            read = (resized_ids if labels == ("A" if side == "left" else "B") else resized)(*size, read)
        return ImageSet(name or name_of(path), find, read=read)

    left, right = images("left"), images("right")
    inputs, targets = (left, right) if direction == "AtoB" else (right, left)
    return PairedFolders(name or name_of(path), inputs, targets)
