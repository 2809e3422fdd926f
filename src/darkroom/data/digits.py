"""Handwritten digits that are part of the package: nothing has to be downloaded."""

import gzip
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from darkroom.core.dataset import Dataset, digest
from darkroom.core.method import Example
from darkroom.core.record import DataRecord
from darkroom.data.embedded import embedded_file


class Digits(Dataset):
    """1,797 grey images of 8 × 8 pixels in 17 levels, and the digit that each one shows; every fifth one of each digit is a test image.

    Args:
        split: "train" or "test".
        digits: the digits that are wanted; they are the classes, in this order.

    Source: Alpaydin & Kaynak 1998, "Optical recognition of handwritten digits" (test part), as in `sklearn.datasets.load_digits`.

    Example:
        >>> data = Digits("test", digits=(3, 8))
        >>> len(data), data.classes, tuple(data.example(0).input.shape), data.example(0).target
        (70, ('3', '8'), (1, 8, 8), tensor(1))
    """

    def __init__(self, split: Literal["train", "test"], digits: Sequence[int] = range(10)) -> None:
        self.split, self.digits = split, tuple(digits)
        which = "" if len(self.digits) == 10 else f"-{''.join(map(str, self.digits))}"
        self.name = f"digits{which}" if split == "test" else f"digits{which}-train"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(map(str, self.digits))

    @cached_property
    def labels(self) -> list[int]:
        """The number of the class of each image."""
        return self._read[1]

    @property
    def names(self) -> list[str]:
        return self._read[2]

    def open(self) -> None:
        """Read the digits."""
        _ = self._read

    def __len__(self) -> int:
        return len(self.labels)

    def example(self, index: int) -> Example:
        return Example(self._read[0][index], torch.tensor(self.labels[index]))

    def describe(self) -> DataRecord:
        return DataRecord(
            self.name,
            len(self),
            samples_per_step=0,
            sample="whole image",
            degradation="none",
            split="every fifth image of each digit is a test image",
        )

    def digests(self) -> dict[str, str]:
        return {name: digest(image) for name, image in zip(self.names, self._read[0], strict=True)}

    @cached_property
    def _read(self) -> tuple[UInt8[Tensor, "image 1 8 8"], list[int], list[str]]:
        """Images, labels and names."""
        with gzip.open(embedded_file("digits.csv.gz"), "rt") as text:
            table = torch.from_numpy(np.loadtxt(text, delimiter=",", dtype=np.int64))
        shown = torch.nn.functional.one_hot(table[:, 64], 10)
        place = (shown.cumsum(0) * shown).sum(1)  # among the images of the same digit, from 1
        wanted = torch.isin(table[:, 64], torch.tensor(self.digits)) & ((place % 5 == 0) == (self.split == "test"))
        images = (table[wanted, :64].view(-1, 1, 8, 8) * 255 / 16).round().to(torch.uint8)
        labels = [self.digits.index(digit) for digit in table[wanted, 64].tolist()]
        return images, labels, [f"{number:04d}" for number in wanted.nonzero()[:, 0].tolist()]
