"""Images with class labels: a folder for each class, or a table of labels."""

import csv
import dataclasses
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

import torch

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.core.record import DataRecord
from darkroom.data.image_set import File, ImageSet


def folder_of(name: str) -> str:
    """The outermost folder of an image, the usual layout of classification sets.

    Raises:
        DarkroomError: the image lies in no folder.

    Example:
        >>> folder_of("dog/0001")
        'dog'
    """
    folder, _, rest = name.partition("/")
    if not rest:
        raise DarkroomError(f"the image {name!r} lies in no folder of a class; expected CLASS/IMAGE")
    return folder


_HEADINGS = ("filename", "label")


class LabelTable:
    """Labels from a table: the name of an image file and its class, in columns `filename` and `label`; read at first use.

    A table without these headings has names in its first column and classes in its second.

    Args:
        path: `.csv` (commas), otherwise columns separated by tabs; further columns and unused lines do not matter.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, name: str) -> str:
        """The class of an image.

        Raises:
            DarkroomError: the table is missing or cannot be read, or has no such image.
        """
        if name not in self._classes:
            raise DarkroomError(f"{self.path} has no class for the image {name!r}")
        return self._classes[name]

    def has(self, name: str) -> bool:
        """Whether the table has an image."""
        return name in self._classes

    @cached_property
    def _classes(self) -> dict[str, str]:
        delimiter = "," if self.path.suffix.lower() == ".csv" else "\t"
        try:
            with self.path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.reader(file, delimiter=delimiter) if len(row) > 1]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DarkroomError(f"{self.path} cannot be read as a table of labels ({error})") from error
        name, label = (rows[0].index(title) for title in _HEADINGS) if rows and set(_HEADINGS) <= set(rows[0]) else (0, 1)
        pairs = [(row[name], row[label]) for row in rows if len(row) > max(name, label)]
        return {key: found for file, found in pairs for key in (PurePosixPath(file).with_suffix("").as_posix(), file)}


class LabelledImages(Dataset):
    """Images and the number of their class, int64 `()`.

        LabelledImages(ImageSet.from_path(root / "PACS" / "photo"))
        LabelledImages(ImageSet.from_path(root / "images.zip"), LabelTable(root / "val_annotations.txt"))

    Args:
        images: the images; the dataset has their name.
        label: gives the class of an image by its name.
        classes: in the order of their numbers; by default all that occur, sorted. Give those of the training set to a test
            set.
    """

    def __init__(
        self, images: ImageSet, label: Callable[[str], str] = folder_of, *, classes: Sequence[str] | None = None
    ) -> None:
        self.name, self.images, self.label = images.name, images, label
        self._given = None if classes is None else tuple(classes)

    @property
    def names(self) -> list[str]:
        return self.images.names

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers."""
        return self._given or tuple(sorted(set(map(self.label, self.names))))

    @cached_property
    def labels(self) -> list[int]:
        """The number of the class of each image.

        Raises:
            DarkroomError: an image has no class, or one that is not among the given ones.
        """
        numbers = {label: number for number, label in enumerate(self.classes)}
        labels = []
        for name, file in self.images.files.items():
            if self.label(name) not in numbers:
                known = f"{', '.join(self.classes[:5])}{' ...' if len(self.classes) > 5 else ''}"
                raise DarkroomError(f"{file} is of class {self.label(name)!r}, which is not one of {known}")
            labels.append(numbers[self.label(name)])
        return labels

    def open(self) -> None:
        """Look up the classes, and decode what fits into memory."""
        _ = self.labels
        self.images.open()

    def __len__(self) -> int:
        return len(self.images)

    def example(self, index: int) -> Example:
        return Example(self.images[index], torch.tensor(self.labels[index]))

    def describe(self) -> DataRecord:
        return dataclasses.replace(super().describe(), remarks=[f"{len(self.classes)} classes"])

    @property
    def files(self) -> dict[str, File]:
        """The files of the images by name."""
        return self.images.files

    def digests(self) -> dict[str, str]:
        return self.images.digests()
