"""Real photographs that come with installed packages: nothing to download.

The colour photographs of scikit-image and scikit-learn, split once, here, by name. ImageSet that no camera
took (drawings, charts, logos), microscopy and astronomy are left out.
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
    """The embedded photographs: five to learn from, three that are never learned from."""
    names = TRAINING if split == "train" else HELD_OUT
    return ImageSet(f"embedded-{split}", lambda: _files(names), grey=grey)


def _files(names: tuple[str, ...]) -> Mapping[str, Path]:
    files = {}
    for name in names:
        in_learn = name in _OF_SCIKIT_LEARN
        package = package_folder("sklearn") / "datasets" / "images" if in_learn else package_folder("skimage") / "data"
        if not (package / name).is_file():
            raise DarkroomError(f"the installed package has no {package / name}: reinstall scikit-image and scikit-learn")
        files[Path(name).stem] = package / name
    return files
