"""Training streams of random views: pairs of views without labels, and single views with labels."""

import dataclasses
from functools import lru_cache

import torch
from torch import Tensor

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.core.record import DataRecord
from darkroom.core.stream import Stream
from darkroom.data.views import DRAWS, View


class _Views(Stream):
    """Every image once in an epoch, in an order drawn for the epoch; epochs follow each other without regard to batches."""

    def __init__(self, dataset: Dataset, *, image_size: int, batch_size: int, seed: int) -> None:
        if batch_size < 1 or image_size < 1:
            raise DarkroomError(f"image size and batch size must be at least 1, given {image_size} and {batch_size}")
        self.dataset, self.image_size, self.batch_size, self.seed = dataset, image_size, batch_size, seed

    def open(self) -> None:
        """Open the dataset."""
        self.dataset.open()

    def number(self, step: int, index: int) -> int:
        """The number in the dataset of the image that a sample shows."""
        epoch, place = divmod(step * self.batch_size + index, len(self.dataset))
        return int(_order(self.seed, epoch, len(self.dataset))[place])

    def _draws(self, views: int, step: int, index: int) -> list[list[float]]:
        return torch.rand(views, DRAWS, generator=generator(self.seed, "sample", step, index)).tolist()  # type: ignore[no-any-return]

    def _described(self, sample: str) -> DataRecord:
        return dataclasses.replace(
            self.dataset.describe(), samples_per_step=self.batch_size, sample=f"{sample} of {self.image_size} pixels a side"
        )

    def digests(self) -> dict[str, str]:
        return self.dataset.digests()


class ViewPairs(_Views):
    """Two random views of each image, as the input and the target of an example, uint8 until they are on the device.

    Every image's views are drawn by themselves, from (seed, step, index).

    Args:
        dataset: the images are the inputs of its examples, uint8; targets are not read.
        first, second: how the two views are drawn.
        image_size: side of the views in pixels.
        batch_size: images of a batch, over all processes together.
        seed: of every draw.

    Example:
        >>> from darkroom.data.embedded import embedded
        >>> stream = ViewPairs(embedded("train"), View(blur=1.0), View(), image_size=32, batch_size=4, seed=0)
        >>> pair = stream.sample(step=10, index=3)
        >>> tuple(pair.input.shape), pair.input.dtype, torch.equal(pair.input, stream.sample(10, 3).input)
        ((3, 32, 32), torch.uint8, True)
    """

    def __init__(self, dataset: Dataset, first: View, second: View, *, image_size: int, batch_size: int, seed: int) -> None:
        super().__init__(dataset, image_size=image_size, batch_size=batch_size, seed=seed)
        self.first, self.second = first, second

    def sample(self, step: int, index: int) -> Example:
        image = self.dataset.example(self.number(step, index)).input
        first, second = self._draws(2, step, index)
        return Example(self.first(image, self.image_size, first), self.second(image, self.image_size, second))

    def on_device(self, batch: Example) -> Example:
        return Example(to_float(batch.input), to_float(batch.target))

    def describe(self) -> DataRecord:
        return dataclasses.replace(self._described("two views"), degradation=f"first: {self.first}; second: {self.second}")


class LabelledViews(_Views):
    """A random view of each image and its label.

    Args:
        dataset: examples of an image, uint8, and its class.
        view: how the view is drawn.
        image_size, batch_size, seed: see `ViewPairs`.
    """

    def __init__(self, dataset: Dataset, view: View, *, image_size: int, batch_size: int, seed: int) -> None:
        super().__init__(dataset, image_size=image_size, batch_size=batch_size, seed=seed)
        self.view = view

    def sample(self, step: int, index: int) -> Example:
        example = self.dataset.example(self.number(step, index))
        (draws,) = self._draws(1, step, index)
        return Example(self.view(example.input, self.image_size, draws), example.target)

    def on_device(self, batch: Example) -> Example:
        return Example(to_float(batch.input), batch.target)

    def describe(self) -> DataRecord:
        return dataclasses.replace(self._described("one view"), degradation=str(self.view))


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> Tensor:
    return torch.randperm(count, generator=generator(seed, "epoch", epoch))
