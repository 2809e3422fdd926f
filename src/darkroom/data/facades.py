"""CMP facades (Tyleček & Šára 2013) as pix2pix distributes them: 400 + 100 + 106 pairs of 256×256, photograph left, labels right.

The label maps are colours, in JPEG files, and generators are given the colours: so were those of pix2pix.
"""

from typing import Literal

from darkroom.core.paths import data_root
from darkroom.data.paired_folders import PairedFolders
from darkroom.data.side_by_side import side_by_side

CLASSES = (
    *("background", "facade", "window", "door", "cornice", "sill"),
    *("balcony", "blind", "decoration", "molding", "pillar", "shop"),
)
"""Names of the labels."""

PALETTE = (
    *((0, 0, 224), (0, 48, 255), (0, 128, 255), (0, 208, 255), (32, 255, 224), (112, 255, 144)),
    *((192, 255, 64), (255, 240, 0), (255, 160, 0), (255, 80, 0), (255, 0, 0), (176, 0, 0)),
)
"""The colour of each label: MATLAB's colour map "jet"."""


class Facades(PairedFolders):
    """Pairs of label maps in colours and photographs; see `facades`."""

    classes, palette = CLASSES, PALETTE


def facades(split: Literal["train", "val", "test"], size: tuple[int, int] | None = None) -> Facades:
    """The facades of `facades/{train,val,test}` below the data root: label maps in colours as inputs, photographs as targets.

    Args:
        split: of the dataset; pix2pix trains on "train" and evaluates on "test" or "val".
        size: height and width to which photographs (bicubic) and label maps (nearest) are resized; None keeps 256×256.
    """
    path = data_root() / "facades" / split
    remedy = "unpack pix2pix's facades.tar.gz there, or point DARKROOM_DATA at the folder that holds facades"
    name = "facades" if split == "test" else f"facades-{split}"
    pairs = side_by_side(path, "BtoA", name=name, size=size, labels="B", remedy=remedy)
    return Facades(name, pairs.inputs, pairs.targets)
