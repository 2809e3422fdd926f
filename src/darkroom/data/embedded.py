"""Photographs that are part of installed packages, so that nothing has to be downloaded.

The colour photographs of scikit-image and scikit-learn, with a fixed split. Drawings, charts, logos, microscopy and astronomy
are left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from darkroom.core.errors import DarkroomError
from darkroom.core.paths import package_folder
from darkroom.data.image_set import ImageSet

TRAINING = ("chelsea.png", "china.jpg", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg")
HELD_OUT = ("astronaut.png", "coffee.png", "flower.jpg")

_OF_SCIKIT_LEARN = {"china.jpg", "flower.jpg"}


def embedded(split: Literal["train", "heldout"], *, grey: bool = False) -> ImageSet:
    """The embedded photographs: five for training, three held out for evaluation.

    Example:
        >>> embedded("train").names
        ['chelsea', 'china', 'motorcycle_left', 'motorcycle_right', 'rocket']
    """
    names = TRAINING if split == "train" else HELD_OUT
    return ImageSet(f"embedded-{split}", lambda: _files(names), grey=grey)


def _files(names: tuple[str, ...]) -> Mapping[str, Path]:
    files = {}
    for name in names:
        if name in _OF_SCIKIT_LEARN:
            folder = package_folder("sklearn") / "datasets" / "images"
        else:
            folder = package_folder("skimage") / "data"
        if not (folder / name).is_file():
            raise DarkroomError(f"{folder / name} is missing: reinstall scikit-image and scikit-learn")
        files[Path(name).stem] = folder / name
    return files
