"""CamVid (Brostow, Fauqueur, Cipolla 2009) with the 11 classes and the split of SegNet: 367 + 101 + 233 images of 480×360."""

from typing import Literal

from darkroom.core.errors import DarkroomError
from darkroom.core.images import read_ids, read_uint8
from darkroom.core.paths import data_root
from darkroom.data.image_set import File, ImageSet, files_below
from darkroom.data.label_maps import Direction, LabelMaps
from darkroom.data.readers import resized, resized_ids

CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)
"""Name of each id (Badrinarayanan, Kendall, Cipolla 2017, SegNet)."""

VOID = 11
"""The id of pixels without a class. A generator is given it as a twelfth label; evaluations leave it out."""

PALETTE = (
    *((128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0)),
    *((192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192), (0, 0, 0)),
)
"""The colour of each id, `VOID` included."""

Split = Literal["train", "val", "test"]


def camvid(split: Split, size: tuple[int, int] | None = None, *, direction: Direction = "labels_to_photo") -> LabelMaps:
    """CamVid in SegNet's layout: `CamVid/{train,val,test}` and `CamVid/{train,val,test}annot` below the data root.

    Args:
        split: of the dataset.
        size: height and width to which photographs (bicubic) and label maps (nearest) are resized; None keeps 360×480.
        direction: see `LabelMaps`.
    """
    photographs = ImageSet(f"camvid-{split}", lambda: _files(split), read=resized(*size) if size else read_uint8)
    maps = ImageSet(f"camvid-{split}annot", lambda: _files(f"{split}annot"), read=resized_ids(*size) if size else read_ids)
    return LabelMaps(
        "camvid" if split == "test" else f"camvid-{split}",
        photographs,
        maps,
        classes=CLASSES,
        ignored=VOID,
        direction=direction,
        palette=PALETTE,
    )


def _files(folder: str) -> dict[str, File]:
    root = data_root() / "CamVid"
    if not (root / folder).is_dir():
        raise DarkroomError(
            f"CamVid is not at {root / folder}: put SegNet's copy there (folders train, trainannot, val, valannot, test, testannot), "
            "or point DARKROOM_DATA at the folder that holds CamVid"
        )
    return dict(files_below(root / folder))
