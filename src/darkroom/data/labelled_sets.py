"""Labelled images by name or path, in any of the layouts in which such sets are distributed."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.paths import data_root
from darkroom.data.cifar10 import Cifar10
from darkroom.data.digits import Digits
from darkroom.data.image_set import File, ImageSet, image_files, name_of
from darkroom.data.labelled_images import LabelledImages, LabelTable, folder_of

Split = Literal["train", "test"]

HELD_OUT = 5
"""Where a set has no test images of its own, every fifth image of each class is one."""

FOLDERS = {
    "imagenet": "imagenet",
    "mini_imagenet": "mini-imagenet",
    "tiny_imagenet": "tiny-imagenet-200",
    "tiny_imagenet_val": "tiny-imagenet-200/val",
    "office_home": "office-home",
    "cifar10_jpeg": "cifar10_jpeg",
    "pacs_photo": "PACS/photo",
    "pacs_art_painting": "PACS/art_painting",
}
"""Sets below the data root, by name."""

DIGITS = {"digits": range(10), "digits_low": range(5), "digits_high": range(5, 10)}
"""The embedded digits: all, 0 to 4, and 5 to 9."""


def labelled(name: str, split: Split) -> LabelledImages | Digits | Cifar10:
    """Labelled images for training or for testing.

    A set is cifar10, has a name of `FOLDERS` or `DIGITS`, or is a folder or zip file in one of these layouts:

    - `train/` and `test/` (or `val/`, or zip files of these names), in each a folder for every class;
    - `train.csv` and `test.csv` (or `val.csv`) with columns `filename` and `label`, and the images in `train/` … or `images/`;
    - `train/` as above and `val/` with `images/` or `images.zip` and `val_annotations.txt` (Tiny-ImageNet);
    - a folder for every class alone: every fifth image of each class is a test image. So it is too where the test images are of other classes
      than the training images, as in few-shot sets (mini-ImageNet).

    Args:
        name: of the set, or its path.
        split: "train" or "test".
    """
    if name in DIGITS:
        return Digits(split, DIGITS[name])
    if name == "cifar10":
        return Cifar10(split, labels=True)
    return _FoundImages(name, split)


def unlabelled(name: str) -> Dataset:
    """The training images of a set that `labelled` finds, or all images of a folder or zip file that has no labels."""
    found = labelled(name, "train")
    return found.images if isinstance(found, LabelledImages) else found


@dataclass(frozen=True)
class _Part:
    """Image files by name, and the class of each by its name."""

    files: Mapping[str, File]
    label: Callable[[str], str]

    def classes(self) -> set[str]:
        return set(map(self.label, self.files))

    def half(self, split: Split) -> "_Part":
        """The images that are not held out, or those that are."""
        counts, chosen = Counter[str](), dict[str, File]()
        for name, file in self.files.items():
            counts[self.label(name)] += 1
            if (counts[self.label(name)] % HELD_OUT == 0) == (split == "test"):
                chosen[name] = file
        return _Part(chosen, self.label)


class _FoundImages(LabelledImages):
    """A part of a set whose layout is found out when it is opened."""

    def __init__(self, name: str, split: Split) -> None:
        path = Path(name).expanduser()
        title = name if name in FOLDERS else name_of(path)
        images = ImageSet(title if split == "test" else f"{title}-train", lambda: self._part.files)
        super().__init__(images, lambda image: self._part.label(image))
        self._set, self._split = name, split

    @cached_property
    def _parts(self) -> dict[Split, _Part]:
        path = data_root() / FOLDERS[self._set] if self._set in FOLDERS else Path(self._set).expanduser()
        if not path.exists():
            known = ", ".join([*DIGITS, "cifar10", *FOLDERS])
            raise DarkroomError(
                f"{self._set} is not at {path}: put its images there"
                if self._set in FOLDERS
                else f"{self._set!r} is neither a folder, a zip file nor a known set ({known})"
            )
        return _parts(path)

    @property
    def _part(self) -> _Part:
        return self._parts[self._split]

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of the training images, in the order of their numbers."""
        return tuple(sorted(self._parts["train"].classes()))


def _parts(path: Path) -> dict[Split, _Part]:
    """The training and the test images of a set; of one without labels, all images for either.

    Raises:
        DarkroomError: there are no images.
    """
    train = _part(path, "train")
    if train is None:
        whole = _annotated(path) or _Part(image_files(path), folder_of)
        if whole.label is folder_of and all("/" not in name for name in whole.files):  # without labels
            return {"train": whole, "test": whole}
        return {"train": whole.half("train"), "test": whole.half("test")}
    test = _part(path, "test") or _part(path, "val")
    if test is None or not test.classes() <= train.classes():
        return {"train": train.half("train"), "test": train.half("test")}
    return {"train": train, "test": test}


def _part(path: Path, split: str) -> _Part | None:
    """The images of one split, if the set has it."""
    places = [path / split, path / f"{split}.zip", path / "images", path / "images.zip"]
    folder = next((place for place in places if place.exists()), None)
    table = path / f"{split}.csv"
    if table.is_file() and folder is not None:
        label = LabelTable(table)
        return _Part({name: file for name, file in image_files(folder).items() if label.has(name)}, label)
    if places[0].is_dir() or places[1].is_file():
        own = places[0] if places[0].is_dir() else places[1]
        return _annotated(own) or _Part(image_files(own), folder_of)
    return None


def _annotated(path: Path) -> _Part | None:
    """The validation images of Tiny-ImageNet, if this is their folder."""
    table = path / "val_annotations.txt"
    if not table.is_file():
        return None
    images = path / "images" if (path / "images").is_dir() else path / "images.zip"
    return _Part(image_files(images), LabelTable(table))
