"""CelebA: aligned faces, cropped and reduced as for generative models."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from darkroom.core.errors import DarkroomError
from darkroom.core.paths import data_root
from darkroom.data.image_set import File, ImageSet, image_files
from darkroom.data.square_images import Square

CROP = 140 / 178
"""Side of the square in the middle that is kept, as a share of the width of an aligned image of 178 × 218."""

_PARTS = {"train": {"0"}, "test": {"2"}}
"""Of `list_eval_partition.txt`; 1 are validation images."""

Split = Literal["train", "test"]


def celeba(split: Split, size: int = 64) -> ImageSet:
    """Aligned CelebA (Liu et al. 2015): a square of 140 pixels in the middle, reduced to `size`.

    It is looked for at `celeba/img_align_celeba` (or `.zip`) below the data root, with `celeba/list_eval_partition.txt`.

    Args:
        split: "train" (162,770 images) or "test" (19,962), by the official partition.
        size: side of the images.

    Source: the crop is that of Song et al. 2021 for CelebA 64×64.
    """
    return ImageSet(_named("celeba", split), partial(_official, split), read=Square(size, CROP))


def celeba_small(split: Split, size: int = 64) -> ImageSet:
    """Some thousand aligned faces as JPEG at half the size, in `celeba_small/images.zip` below the data root: for trying.

    Every sixth is a test image.
    """
    return ImageSet(_named("celeba-small", split), partial(_small, split), read=Square(size, CROP))


def _named(name: str, split: Split) -> str:
    return name if split == "test" else f"{name}-train"


def _official(split: Split) -> Mapping[str, File]:
    root = data_root() / "celeba"
    place = next((path for path in (root / "img_align_celeba", root / "img_align_celeba.zip") if path.exists()), None)
    table = root / "list_eval_partition.txt"
    if place is None or not table.is_file():
        missing = table if place is not None else root / "img_align_celeba"
        raise DarkroomError(f"CelebA is not at {missing}: put its aligned images and list_eval_partition.txt there")
    parts = dict(_rows(table))
    chosen = {name: file for name, file in image_files(place).items() if parts.get(Path(name).name) in _PARTS[split]}
    if not chosen:
        raise DarkroomError(f"{table} names no image of {place} as one for {split}: both must be of the aligned CelebA")
    return chosen


def _rows(table: Path) -> list[tuple[str, str]]:
    """Name of an image without its ending, and the number of its part."""
    try:
        lines = [line.split() for line in table.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DarkroomError(f"{table} cannot be read ({error})") from error
    return [(Path(words[0]).stem, words[1]) for words in lines if len(words) == 2]


def _small(split: Split) -> Mapping[str, File]:
    files = image_files(data_root() / "celeba_small" / "images.zip")
    return {name: file for number, (name, file) in enumerate(files.items()) if (number % 6 == 5) == (split == "test")}
