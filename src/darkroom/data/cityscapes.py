"""Cityscapes (Cordts et al. 2016) in its official layout: 2975 training and 500 validation images of 2048×1024.

There are two numberings, and they are not to be confused: generators are given all 35 *label ids*; networks for segmentation are
trained and evaluated on the 19 *train ids*.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.image_codecs import Source
from darkroom.core.images import read_ids, read_uint8
from darkroom.core.paths import data_root
from darkroom.data.image_set import File, ImageSet
from darkroom.data.label_maps import Direction, LabelMaps
from darkroom.data.palettes import Palette
from darkroom.data.readers import Reader, resized, resized_ids

IGNORED = 19
"""The train id of pixels that segmentation leaves out; 255 in the dataset's own files."""


@dataclass(frozen=True)
class Label:
    """A label of Cityscapes: its name, colour, and train id (`IGNORED` for labels that segmentation leaves out)."""

    name: str
    colour: tuple[int, int, int]
    train_id: int = IGNORED


LABELS = (
    Label("unlabeled", (0, 0, 0)),
    Label("ego vehicle", (0, 0, 0)),
    Label("rectification border", (0, 0, 0)),
    Label("out of roi", (0, 0, 0)),
    Label("static", (0, 0, 0)),
    Label("dynamic", (111, 74, 0)),
    Label("ground", (81, 0, 81)),
    Label("road", (128, 64, 128), 0),
    Label("sidewalk", (244, 35, 232), 1),
    Label("parking", (250, 170, 160)),
    Label("rail track", (230, 150, 140)),
    Label("building", (70, 70, 70), 2),
    Label("wall", (102, 102, 156), 3),
    Label("fence", (190, 153, 153), 4),
    Label("guard rail", (180, 165, 180)),
    Label("bridge", (150, 100, 100)),
    Label("tunnel", (150, 120, 90)),
    Label("pole", (153, 153, 153), 5),
    Label("polegroup", (153, 153, 153)),
    Label("traffic light", (250, 170, 30), 6),
    Label("traffic sign", (220, 220, 0), 7),
    Label("vegetation", (107, 142, 35), 8),
    Label("terrain", (152, 251, 152), 9),
    Label("sky", (70, 130, 180), 10),
    Label("person", (220, 20, 60), 11),
    Label("rider", (255, 0, 0), 12),
    Label("car", (0, 0, 142), 13),
    Label("truck", (0, 0, 70), 14),
    Label("bus", (0, 60, 100), 15),
    Label("caravan", (0, 0, 90)),
    Label("trailer", (0, 0, 110)),
    Label("train", (0, 80, 100), 16),
    Label("motorcycle", (0, 0, 230), 17),
    Label("bicycle", (119, 11, 32), 18),
    Label("license plate", (0, 0, 142)),
)
"""By label id. Licence plates have the id −1 in the dataset, whose label maps leave them out; generators reserve a 35th channel."""

TRAIN_CLASSES = tuple(label.name for label in LABELS if label.train_id != IGNORED)
"""Name of each train id."""

TRAIN_PALETTE: Palette = (*(label.colour for label in LABELS if label.train_id != IGNORED), (0, 0, 0))
"""The colour of each train id, `IGNORED` included."""


def cityscapes(
    split: Literal["train", "val"],
    size: tuple[int, int],
    *,
    ids: Literal["label", "train"] = "label",
    instances: bool = False,
    direction: Direction = "labels_to_photo",
) -> LabelMaps:
    """Cityscapes: `leftImg8bit/{train,val}/CITY/…_leftImg8bit.png` and `gtFine/{train,val}/CITY/…_gtFine_labelIds.png`.

    Read from the folder `Cityscapes` (or `cityscapes`) below the data root.

    Args:
        split: of the dataset; papers on translation evaluate on "val".
        size: height and width to which photographs (bicubic) and label maps (nearest) are resized.
        ids: the 35 label ids, or the 19 train ids and `IGNORED`.
        instances: the instance map (`…_gtFine_instanceIds.png`) is the condition.
        direction: see `LabelMaps`.
    """
    folder = f"gtFine/{split}"
    read = resized_ids(*size)
    photographs = _images(split, f"leftImg8bit/{split}", "_leftImg8bit.png", resized(*size, read_uint8))
    maps = _images(split, folder, "_gtFine_labelIds.png", read if ids == "label" else _as_train_ids(read))
    return LabelMaps(
        "cityscapes" if split == "val" else f"cityscapes-{split}",
        photographs,
        maps,
        classes=[label.name for label in LABELS] if ids == "label" else TRAIN_CLASSES,
        ignored=None if ids == "label" else IGNORED,
        direction=direction,
        palette=[label.colour for label in LABELS] if ids == "label" else TRAIN_PALETTE,
        instances=_images(split, folder, "_gtFine_instanceIds.png", resized_ids(*size, read_ids)) if instances else None,
    )


def to_train_ids(label_ids: Integer[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """Label ids to train ids; labels that segmentation leaves out become `IGNORED`.

    Example:
        >>> to_train_ids(torch.tensor([0, 7, 33])).tolist()  # unlabeled, road, bicycle
        [19, 0, 18]
    """
    table = torch.tensor([label.train_id for label in LABELS], device=label_ids.device)
    return table[label_ids.long()]


def _as_train_ids(read: Reader) -> Reader:
    def read_train_ids(source: Source) -> Integer[Tensor, "1 height width"]:
        label_ids = read(source)
        if int(label_ids.max()) >= len(LABELS):
            raise DarkroomError(f"{source} has the id {int(label_ids.max())}; label ids go from 0 to {len(LABELS) - 1}")
        return to_train_ids(label_ids).to(torch.uint8)

    return read_train_ids


def _images(split: str, folder: str, ending: str, read: Reader) -> ImageSet:
    def find() -> dict[str, File]:
        root = _root()
        files: list[Path] = sorted((root / folder).glob(f"*/*{ending}"))
        if not files:
            raise DarkroomError(
                f"no files named {folder}/CITY/...{ending} in {root}: unpack gtFine_trainvaltest.zip and leftImg8bit_trainvaltest.zip there"
            )
        return {path.relative_to(root / folder).as_posix().removesuffix(ending): path for path in files}

    return ImageSet(f"cityscapes-{split} (...{ending})", find, read=read)


def _root() -> Path:
    for name in ("Cityscapes", "cityscapes"):
        if (data_root() / name).is_dir():
            return data_root() / name
    raise DarkroomError(
        f"Cityscapes is not at {data_root() / 'Cityscapes'}: register at https://www.cityscapes-dataset.com, unpack "
        "gtFine_trainvaltest.zip and leftImg8bit_trainvaltest.zip there, or point DARKROOM_DATA at the folder that holds it"
    )
