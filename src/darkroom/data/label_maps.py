"""Photographs with label maps: the class of every pixel, as an integer id."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import torch

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.core.record import DataRecord
from darkroom.data.image_set import File, ImageSet
from darkroom.data.paired_folders import PairedFolders
from darkroom.data.palettes import Palette, distinct

Direction = Literal["labels_to_photo", "photo_to_labels"]


class LabelMaps(Dataset):
    """Photographs and label maps, paired by name: examples of translation, or of segmentation.

        LabelMaps(
            "camvid",
            ImageSet.from_path(root / "train"),
            ImageSet.from_path(root / "trainannot", read=read_ids),
            classes=CLASSES,
            ignored=11,
        )

    Label maps are int64 `(1, height, width)`. With `readers.resized_ids` they are resized by nearest neighbours.

    Args:
        name: of the dataset in tables.
        photographs: the images.
        maps: the label maps, read by `core.images.read_ids` or `readers.resized_ids`.
        classes: name of each id, counted from 0.
        ignored: a further id, of pixels without a class, which evaluations leave out; or None.
        direction: "labels_to_photo" makes the label map the input, "photo_to_labels" the target.
        palette: the colour of each id, `ignored` included, for figures; by default some colours.
        instances: maps with one number for each object, int64 `(1, height, width)`, which become the condition of an example.
    """

    def __init__(
        self,
        name: str,
        photographs: ImageSet,
        maps: ImageSet,
        *,
        classes: Sequence[str],
        ignored: int | None = None,
        direction: Direction = "labels_to_photo",
        palette: Palette | None = None,
        instances: ImageSet | None = None,
    ) -> None:
        self.name, self.classes, self.ignored, self.direction = name, tuple(classes), ignored, direction
        self.palette: Palette = tuple(palette or distinct(self.labels))
        self.pairs = PairedFolders(name, photographs, maps)
        self.objects = None if instances is None else PairedFolders(name, maps, instances)
        self._checked: set[int] = set()

    @property
    def names(self) -> list[str]:
        return self.pairs.names

    @property
    def labels(self) -> int:
        """Number of ids: the classes, and `ignored` where that is a further one."""
        return max(len(self.classes), 0 if self.ignored is None else self.ignored + 1)

    def open(self) -> None:
        """Pair the files, decode what fits into memory, and check sizes and the ids that are in memory.

        Raises:
            DarkroomError: a file has no counterpart or one of another size, or a label map has an id out of range.
        """
        self.pairs.open()
        if self.objects:
            self.objects.open()
        for index, name in enumerate(self.names):
            if self.pairs.targets.is_held(self.pairs.targets.position(name)):
                self.example(index)

    def __len__(self) -> int:
        return len(self.pairs)

    def example(self, index: int) -> Example:
        photograph, ids, _ = self.pairs.example(index)
        ids = ids.long()
        if index not in self._checked:
            self._require_in_range(index, ids)
            self._checked.add(index)
        condition = (self._instances(index),) if self.objects else ()
        if self.direction == "labels_to_photo":
            return Example(ids, photograph, condition)
        return Example(photograph, ids, condition)

    def describe(self) -> DataRecord:
        ignored = "" if self.ignored is None else f"; id {self.ignored} has no class and is left out of evaluations"
        return dataclasses.replace(super().describe(), remarks=[f"{len(self.classes)} classes{ignored}"])

    @property
    def files(self) -> dict[str, File]:
        """The files of the images by name."""
        return self.pairs.files

    def digests(self) -> dict[str, str]:
        """Those of the photographs."""
        return self.pairs.inputs.digests()

    def _instances(self, index: int) -> torch.Tensor:
        assert self.objects is not None
        return self.objects.example(self.objects.inputs.position(self.names[index])).target.long()

    def _require_in_range(self, index: int, ids: torch.Tensor) -> None:
        found = ids.unique()
        outside = found[
            ((found < 0) | (found >= len(self.classes))) & (found != (-1 if self.ignored is None else self.ignored))
        ]
        if len(outside):
            ignored = "" if self.ignored is None else f" and {self.ignored} (ignored)"
            raise DarkroomError(
                f"{self.pairs.targets.files[self.names[index]]} has the id {int(outside[0])}; "
                f"ids of {len(self.classes)} classes go from 0 to {len(self.classes) - 1}{ignored}"
            )
