"""Sets of small images to learn to generate, by name."""

from pathlib import Path
from typing import Literal

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.core.paths import data_root
from darkroom.core.record import DataRecord
from darkroom.data.celeba import celeba, celeba_small
from darkroom.data.cifar10 import Cifar10
from darkroom.data.digits import Digits
from darkroom.data.embedded import embedded
from darkroom.data.image_patches import ImagePatches
from darkroom.data.image_set import ImageSet
from darkroom.data.square_images import Square, square_images

Split = Literal["train", "test"]

SHAPES = {
    "digits": (1, 8),
    "patches": (3, 16),
    "cifar10": (3, 32),
    "cifar10_jpeg": (3, 32),
    "celeba": (3, 64),
    "celeba_small": (3, 64),
}
"""Channels and side of the images of every known set."""


def generation_images(name: str, split: Split, size: int = 32) -> Dataset:
    """Images to learn to generate; input and target of an example are the image.

    - "digits": handwritten digits of the package, grey, 8 × 8; "patches": of the embedded photographs, 16 × 16;
    - "cifar10": the official batches; "cifar10_jpeg": some of its images as JPEG, for trying;
    - "celeba", "celeba_small": aligned faces, 64 × 64; the second set is for trying;
    - a folder or a zip file of images, with or without folders of classes, cropped to squares and resized.

    Args:
        name: one of these.
        split: "train" or "test"; a folder or zip file has no test images of its own.
        size: side of the images of a folder or zip file; known sets have their own.

    Example:
        >>> digits = generation_images("digits", "train")
        >>> len(digits), tuple(digits.example(0).target.shape)
        (1442, (1, 8, 8))
    """
    if name == "digits":
        return Unlabelled(Digits(split))
    if name == "patches":
        photographs = embedded("train" if split == "train" else "heldout")
        return ImagePatches(f"patches{'-train' if split == 'train' else ''}", photographs, size=16, stride=4, reduction=4)
    if name == "cifar10":
        return Cifar10(split)
    if name == "cifar10_jpeg":
        title = f"cifar10-jpeg{'-train' if split == 'train' else ''}"
        return square_images(data_root() / "cifar10_jpeg" / f"{split}.zip", 32, name=title)
    if name in ("celeba", "celeba_small"):
        return (celeba if name == "celeba" else celeba_small)(split)
    return _at_path(name, size)


def shape_of(name: str, size: int = 32) -> tuple[int, int, int]:
    """`(channel, height, width)` of the images of a set; nothing is opened."""
    channels, side = SHAPES.get(name, (3, size))
    return channels, side, side


class Unlabelled(Dataset):
    """The images of a labelled dataset, each its own target.

    Args:
        dataset: with images as inputs.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.name = dataset, dataset.name

    @property
    def names(self) -> list[str]:
        return self.dataset.names

    def open(self) -> None:
        self.dataset.open()

    def __len__(self) -> int:
        return len(self.dataset)

    def example(self, index: int) -> Example:
        image = self.dataset.example(index).input
        return Example(image, image)

    def describe(self) -> DataRecord:
        return self.dataset.describe()

    def digests(self) -> dict[str, str]:
        return self.dataset.digests()


def _at_path(name: str, size: int) -> ImageSet:
    path = Path(name).expanduser()
    if path.suffix.lower() == ".zip" or path.is_dir():
        return square_images(path, size)

    def missing() -> dict[str, Path]:
        raise DarkroomError(f"{name!r} is neither a folder, a zip file nor a known set ({', '.join(SHAPES)})")

    return ImageSet(path.name, missing, read=Square(size))
