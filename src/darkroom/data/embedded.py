"""Photographs that are part of the package, so that nothing has to be downloaded.

Those that come with scikit-image and scikit-learn, with a fixed split; `SOURCES.md` beside them names authors and licences.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from darkroom.core.errors import DarkroomError
from darkroom.data.image_set import ImageSet

FOLDER = Path(__file__).parent.parent / "embedded"
"""Photographs and digits, beside the code."""

TRAINING = ("chelsea.png", "china.jpg", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg")
HELD_OUT = ("astronaut.png", "coffee.png", "flower.jpg")


def embedded(split: Literal["train", "heldout"], *, grey: bool = False) -> ImageSet:
    """The embedded photographs: five for training, three held out for evaluation.

    Example:
        >>> embedded("train").names
        ['chelsea', 'china', 'motorcycle_left', 'motorcycle_right', 'rocket']
    """
    names = TRAINING if split == "train" else HELD_OUT
    return ImageSet(f"embedded-{split}", lambda: _files(names), grey=grey)


def embedded_file(name: str) -> Path:
    """A file of `FOLDER`.

    Raises:
        DarkroomError: it is missing.

    Example:
        >>> embedded_file("coffee.png").name
        'coffee.png'
    """
    path = FOLDER / name
    if not path.is_file():
        raise DarkroomError(f"{path} is missing: install Darkroom again")
    return path


def _files(names: tuple[str, ...]) -> Mapping[str, Path]:
    return {Path(name).stem: embedded_file(name) for name in names}
