"""Pairs for image translation by name: a known set, or a folder."""

from pathlib import Path
from typing import Literal

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.images import read_uint8
from darkroom.data.camvid import camvid
from darkroom.data.cityscapes import cityscapes
from darkroom.data.facades import facades
from darkroom.data.image_set import File, ImageSet, image_files
from darkroom.data.label_maps import LabelMaps
from darkroom.data.paired_folders import PairedFolders
from darkroom.data.readers import resized, resized_ids
from darkroom.data.shapes import Shapes
from darkroom.data.side_by_side import Direction, side_by_side

LABELS = {"shapes": 7, "facades": 0, "camvid": 12, "cityscapes": 35}
"""Number of label ids of the known sets; 0 for label maps in colours."""

Layout = Literal["halves", "folders"]
"""Of a folder: train/ and test/ with images of two halves, A left and B right; or trainA/, trainB/, testA/ and testB/."""

Split = Literal["train", "test"]


def translation_pairs(name: str, split: Split, size: tuple[int, int], *, instances: bool = False) -> Dataset:
    """Pairs of a known set, from label maps to photographs.

    Args:
        name: one of `LABELS`.
        split: "train", or what papers evaluate on: the validation images of cityscapes, otherwise the test images.
        size: height and width to which photographs (bicubic) and label maps (nearest) are resized.
        instances: the map of instances is the condition; shapes and cityscapes have them.

    Raises:
        DarkroomError: there is no such set, or it has no instances.

    Example:
        >>> translation_pairs("shapes", "test", (64, 64)).example(3).target.shape
        torch.Size([3, 64, 64])
    """
    if instances and name not in ("shapes", "cityscapes"):
        raise DarkroomError(f"--instances: {name} has no maps of instances; shapes and cityscapes have")
    if name == "shapes":
        return Shapes("train" if split == "train" else "heldout", size, instances=instances)
    if name == "facades":
        return facades(split, size)
    if name == "camvid":
        return camvid(split, size)
    if name == "cityscapes":
        return cityscapes("train" if split == "train" else "val", size, instances=instances)
    raise DarkroomError(f"no set of pairs {name!r}; there are {', '.join(LABELS)}")


def folder_pairs(
    folder: Path, split: Split, size: tuple[int, int], *, layout: Layout, direction: Direction, labels: int = 0
) -> PairedFolders | LabelMaps:
    """Pairs of a folder of one's own.

    Args:
        folder: the folder.
        split: "train" or "test".
        size: height and width to which images (bicubic) and label maps (nearest) are resized.
        layout: see `Layout`.
        direction: "AtoB": A is the input and B the target; "BtoA": the other way around.
        labels: number of ids, where the inputs are label maps (grey PNGs); 0 for images. Label maps come in folders.

    Raises:
        DarkroomError: label maps in halves of files.
    """
    name = f"{folder.name}{'' if split == 'test' else '-train'}"
    if layout == "halves":
        if labels:
            raise DarkroomError("--labels: label maps of ids come in folders of their own: --layout folders")
        return side_by_side(folder / split, direction, name=name, size=size)

    def images(side: str, *, ids: bool) -> ImageSet:
        def find() -> dict[str, File]:
            return image_files(folder / f"{split}{side}")

        return ImageSet(name, find, read=resized_ids(*size) if ids else resized(*size, read_uint8))

    given, wanted = direction.split("to")
    inputs, targets = images(given, ids=labels > 0), images(wanted, ids=False)
    if labels:
        return LabelMaps(name, targets, inputs, classes=[str(id) for id in range(labels)])
    return PairedFolders(name, inputs, targets)
