"""CIFAR-10 in its official batches, binary or pickled; nothing in them is executed."""

import pickletools
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from darkroom.core.dataset import Dataset, digest
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.core.paths import data_root
from darkroom.core.record import DataRecord

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

FOLDERS = ("cifar-10-batches-bin", "cifar-10-batches-py")
"""Of the binary and of the Python version, below the data root."""

_BATCHES = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}
_VALUES = 3 * 32 * 32
_LARGEST_BATCH = 64 << 20


class Cifar10(Dataset):
    """50,000 training and 10,000 test images of 32 × 32 pixels in ten classes (Krizhevsky 2009).

    Args:
        split: "train" or "test".
        labels: the target is the number of the class rather than the image.
        folder: of the batches; by default one of `FOLDERS` below the data root.
    """

    def __init__(self, split: Literal["train", "test"], *, labels: bool = False, folder: Path | None = None) -> None:
        self.split, self.with_labels, self.folder = split, labels, folder
        self.name = "cifar10" if split == "test" else "cifar10-train"
        self.classes = CLASSES

    @property
    def labels(self) -> list[int]:
        """The number of the class of each image."""
        return self._read[1].tolist()

    @property
    def names(self) -> list[str]:
        return [f"{number:05d}" for number in range(len(self))]

    def open(self) -> None:
        """Read the batches.

        Raises:
            DarkroomError: they are missing or damaged; the line says where they belong.
        """
        _ = self._read

    def __len__(self) -> int:
        return len(self._read[0])

    def example(self, index: int) -> Example:
        images, labels = self._read
        return Example(images[index], labels[index] if self.with_labels else images[index])

    def describe(self) -> DataRecord:
        return DataRecord(self.name, len(self), samples_per_step=0, sample="whole image", degradation="none")

    def digests(self) -> dict[str, str]:
        return dict(zip(self.names, map(digest, self._read[0]), strict=True))

    @cached_property
    def _read(self) -> tuple[UInt8[Tensor, "image 3 32 32"], Int64[Tensor, " image"]]:
        folder = self.folder or _found()
        batches = [_batch(folder, name) for name in _BATCHES[self.split]]
        images, labels = (torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*batches, strict=True))
        return images.view(-1, 3, 32, 32), labels.long()


def _found() -> Path:
    places = [data_root() / name for name in FOLDERS]
    for place in places:
        if place.is_dir():
            return place
    raise DarkroomError(
        f"CIFAR-10 is not at {places[0]}: get it with `darkroom data get cifar10`, or unpack cifar-10-python.tar.gz of "
        f"https://www.cs.toronto.edu/~kriz/cifar.html in {data_root()}"
    )


def _batch(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3072) and labels (n,) of one batch, uint8."""
    binary, pickled = folder / f"{name}.bin", folder / name
    path = binary if binary.is_file() else pickled
    if not path.is_file():
        raise DarkroomError(f"{folder} has no batch {name}: unpack the archive again")
    if path.stat().st_size > _LARGEST_BATCH:
        raise DarkroomError(f"{path} is no batch of CIFAR-10: it is larger than {_LARGEST_BATCH >> 20} MiB")
    images, labels = _of_binary(path) if path == binary else _of_pickle(path)
    if len(images) != len(labels) or not len(images) or labels.max() >= len(CLASSES):
        raise DarkroomError(f"{path} is no batch of CIFAR-10: {len(images)} images and {len(labels)} labels: unpack it again")
    return images, labels


def _of_binary(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A label and 3072 values for every image."""
    content = np.fromfile(path, np.uint8)
    if len(content) % (1 + _VALUES):
        raise DarkroomError(f"{path} is cut off: its size is no multiple of {1 + _VALUES} bytes; unpack it again")
    rows = content.reshape(-1, 1 + _VALUES)
    return rows[:, 1:].copy(), rows[:, 0].copy()


def _of_pickle(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values and labels from the instructions of a pickle, of which none is carried out.

    The values are its one string of a multiple of 3072 bytes; the labels are the whole numbers between the key "labels" and the
    key after it.
    """
    values, labels, key = b"", list[int](), ""
    try:
        for opcode, argument, _ in pickletools.genops(path.read_bytes()):
            text = _text(argument)
            if text in ("data", "labels", "batch_label", "filenames"):
                key = text
            elif text is not None and key == "data" and len(text) >= _VALUES and len(text) % _VALUES == 0:
                values = text.encode("latin-1")
            elif key == "labels" and opcode.name in ("BININT", "BININT1", "BININT2", "INT") and isinstance(argument, int):
                labels.append(argument)
    except Exception as error:  # a damaged pickle raises every kind of exception
        raise DarkroomError(f"{path} cannot be read as a batch of CIFAR-10 ({error}): unpack it again") from error
    if not all(0 <= label < len(CLASSES) for label in labels):
        raise DarkroomError(f"{path} is no batch of CIFAR-10: its labels are not from 0 to 9")
    return np.frombuffer(values, np.uint8).reshape(-1, _VALUES).copy(), np.array(labels, np.uint8)


def _text(argument: Any) -> str | None:
    """The argument of an instruction that holds a string, old or new, each byte as a character."""
    if isinstance(argument, bytes):
        return argument.decode("latin-1")
    return argument if isinstance(argument, str) else None
