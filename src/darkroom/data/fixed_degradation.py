"""Images degraded once: for each one, the noise that a camera recorded and no other."""

import dataclasses

from darkroom.core.dataset import Dataset
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.core.record import DataRecord
from darkroom.data.image_set import File, ImageSet
from darkroom.data.streams import Degradation


class FixedDegradation(Dataset):
    """Whole images with a degradation that is a function of (seed, index), as float32 held in memory.

    A `PatchStream` that is given the degradation itself draws it anew for every patch. Crops of a `FixedDegradation` show the
    same noise at the same pixel every time, as recorded photographs do.

    Args:
        images: the clean images.
        degrade: makes an example of an image; input and target have equal sizes.
        seed: example n depends on it and on n.
    """

    def __init__(self, images: ImageSet, degrade: Degradation, *, seed: int) -> None:
        self.name, self.images, self.degrade, self.seed = images.name, images, degrade, seed
        self._examples: dict[int, Example] = {}

    @property
    def names(self) -> list[str]:
        return self.images.names

    def open(self) -> None:
        """Degrade all images."""
        for index in range(len(self)):
            self.example(index)

    def __len__(self) -> int:
        return len(self.images)

    def example(self, index: int) -> Example:
        if index not in self._examples:
            self._examples[index] = self.degrade(to_float(self.images[index]), generator(self.seed, "capture", index))
        return self._examples[index]

    def describe(self) -> DataRecord:
        return dataclasses.replace(super().describe(), degradation=f"{self.degrade}, drawn once for each image")

    @property
    def files(self) -> dict[str, File]:
        """The files of the images by name."""
        return self.images.files

    def digests(self) -> dict[str, str]:
        """Those of the clean images."""
        return self.images.digests()
