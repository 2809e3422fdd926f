"""GoPro (Nah, Kim, Lee 2017) in its official layout: averages of consecutive frames at 240 a second, and the frame in the middle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from darkroom.core.errors import DarkroomError
from darkroom.core.paths import data_root
from darkroom.data.image_set import ImageSet, files_below
from darkroom.data.paired_folders import PairedFolders

Split = Literal["train", "test"]

COUNTS = {"train": 2103, "test": 1111}
"""Pairs of the whole data; a published number is a mean over all 1111."""


def gopro(split: Split, *, gamma: bool = False) -> PairedFolders:
    """The pairs of a split, by the names "SCENE/NUMBER".

    Read from `GoPro/{train,test}/SCENE/{blur,blur_gamma,sharp}` below the data root.

    Args:
        split: "train" or "test".
        gamma: blurred images from `blur_gamma`, averaged in linear light with γ = 2.2, as in the paper; otherwise from `blur`, averages
            of the coded values, on which nearly all later tables are made (DeblurGAN, MPRNet, HINet, NAFNet).
    """
    name = "gopro-gamma" if gamma else "gopro"
    blurred, sharp = (
        ImageSet(name, lambda kind=kind: _files(split, kind))  # type: ignore[misc]
        for kind in ("blur_gamma" if gamma else "blur", "sharp")
    )
    return PairedFolders(name, blurred, sharp)


def _files(split: Split, kind: str) -> Mapping[str, Path]:
    root = data_root() / "GoPro" / split
    if not root.is_dir():
        raise DarkroomError(
            f"GoPro is not at {root}: put its scenes there, or point DARKROOM_DATA at the folder that holds GoPro"
        )
    found = {
        f"{scene.name}/{name}": path
        for scene in sorted(root.iterdir())
        if (scene / kind).is_dir()
        for name, path in files_below(scene / kind).items()
    }
    if not found:
        raise DarkroomError(f"{root} has no scene with a folder {kind}: the layout is {split}/SCENE/{kind}/NUMBER.png")
    return found
