"""Some examples of a labelled dataset, and its images cropped to one size."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from darkroom.core.dataset import Dataset
from darkroom.core.method import Example
from darkroom.core.record import DataRecord

Choose = Callable[[Sequence[int]], Sequence[int]]
"""From the labels of all examples to the indices of the chosen ones, in order."""


class LabelledSubset(Dataset):
    """Some examples of a labelled dataset; the others are not read. Classes keep their numbers.

    Args:
        dataset: with `classes` and `labels`, such as `LabelledImages`.
        choose: called once labels are known; for example `first_of_each(10)` or `evenly(1000)`.
    """

    def __init__(self, dataset: Any, choose: Choose) -> None:
        self.dataset, self.choose, self.name = dataset, choose, dataset.name

    @cached_property
    def indices(self) -> Sequence[int]:
        """Of the chosen examples, in the dataset."""
        return self.choose(self.dataset.labels)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of all classes of the dataset."""
        return self.dataset.classes  # type: ignore[no-any-return]

    @property
    def labels(self) -> list[int]:
        """The number of the class of each chosen image."""
        labels = self.dataset.labels
        return [labels[index] for index in self.indices]

    @property
    def names(self) -> list[str]:
        names = self.dataset.names
        return [names[index] for index in self.indices]

    def open(self) -> None:
        self.dataset.open()

    def __len__(self) -> int:
        return len(self.indices)

    def example(self, index: int) -> Example:
        return self.dataset.example(self.indices[index])  # type: ignore[no-any-return]

    def describe(self) -> DataRecord:
        return DataRecord(
            self.name,
            len(self),
            samples_per_step=0,
            sample="whole image",
            degradation="none",
            split=f"{len(self)} of {len(self.dataset)} images",
            remarks=[f"{len(self.classes)} classes"],
        )

    def digests(self) -> dict[str, str]:
        digests = self.dataset.digests()
        return {name: digests[name] for name in self.names if name in digests}


def first_of_each(count: int) -> Choose:
    """The first `count` examples of each class.

    Example:
        >>> first_of_each(1)([2, 2, 0, 2, 0])
        [0, 2]
    """

    def choose(labels: Sequence[int]) -> list[int]:
        seen, chosen = dict[int, int](), list[int]()
        for index, label in enumerate(labels):
            seen[label] = seen.get(label, 0) + 1
            if seen[label] <= count:
                chosen.append(index)
        return chosen

    return choose


def evenly(count: int) -> Choose:
    """At most `count` examples, evenly spaced.

    Example:
        >>> list(evenly(3)([0] * 7))
        [0, 3, 6]
    """
    return lambda labels: range(0, len(labels), max(1, -(-len(labels) // count)))


class CentreCrops(LabelledSubset):
    """The images of a labelled dataset resized and cropped in the middle to one size, as classifiers are evaluated.

    The shorter side becomes size / share; digests stay those of the whole images.

    Args:
        dataset: with `classes` and `labels`.
        size: side of the crops in pixels.
        share: of the shorter side; by default 7/8, and 1 for crops of less than 96 pixels.
    """

    def __init__(self, dataset: Any, size: int, share: float | None = None) -> None:
        super().__init__(dataset, lambda labels: range(len(labels)))
        self.size, self.share = size, share or (1.0 if size < 96 else 0.875)

    def example(self, index: int) -> Example:
        example = self.dataset.example(index)
        return Example(centre_crop(example.input, self.size, self.share), example.target)


def centre_crop(image: UInt8[Tensor, "channel height width"], size: int, share: float) -> UInt8[Tensor, "3 size size"]:
    """An image as RGB, its shorter side resized to size / share (bicubic, antialiased), cropped in the middle."""
    shorter = min(image.shape[1:])
    height, width = (max(size, round(side * size / share / shorter)) for side in image.shape[1:])
    if (height, width) != tuple(image.shape[1:]):
        image = torch.nn.functional.interpolate(image[None], (height, width), mode="bicubic", antialias=True)[0]
    top, left = (height - size) // 2, (width - size) // 2
    return image[:, top : top + size, left : left + size].expand(3, -1, -1).contiguous()
