"""Training streams: every sample is a function of (seed, step, index)."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, default_collate
from torch.utils.data import Dataset as TorchDataset

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.images import is_image
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.core.record import DataRecord
from darkroom.core.stream import Stream
from darkroom.data.joint_transforms import ELEMENTS, Augmentation, JointTransform

Degradation = Callable[[Float[Tensor, "channel height width"], torch.Generator], Example]
"""Makes an example of a clean image: `(clean, generator) -> Example`."""


class PatchStream(Stream):
    """Random crops of a dataset's examples, flipped and rotated at random, degraded at random.

    Each example is equally likely, and each position in it. Input and target are transformed alike; label maps stay integers.
    An image smaller than the patch is extended by reflection.

    Args:
        dataset: the examples; an `ImageSet` for clean images.
        degrade: makes the example of a clean patch, which is the dataset's target; None takes the dataset's own inputs.
        patch_size: side of the square patch in pixels, or (height, width), or None for whole images.
        batch_size: samples of a batch, over all processes together.
        seed: of every draw.
        augmentation: "dihedral" (eight flips and rotations), "flip" (horizontal), or "none".
        shuffle_colors: also permute the colour channels of the images at random, for small training sets.

    Raises:
        DarkroomError: a size is below 1, or patches that are not square would be rotated.

    Example:
        >>> from darkroom.data.embedded import embedded
        >>> from darkroom.operators.noise import Gaussian, NoisyPair
        >>> stream = PatchStream(embedded("train"), NoisyPair(Gaussian(25.0)), patch_size=48, batch_size=4, seed=0)
        >>> example = stream.sample(step=1000, index=3)
        >>> tuple(example.input.shape), example.target.dtype
        ((3, 48, 48), torch.float32)
        >>> torch.equal(example.input, stream.sample(1000, 3).input)
        True
    """

    def __init__(
        self,
        dataset: Dataset,
        degrade: Degradation | None = None,
        *,
        patch_size: int | tuple[int, int] | None,
        batch_size: int,
        seed: int,
        augmentation: Augmentation = "dihedral",
        shuffle_colors: bool = False,
    ) -> None:
        size = (patch_size, patch_size) if isinstance(patch_size, int) else patch_size
        if batch_size < 1 or (size is not None and min(size) < 1):
            raise DarkroomError(f"patch size and batch size must be at least 1, given {patch_size} and {batch_size}")
        if augmentation == "dihedral" and (size is None or size[0] != size[1]):
            given = "whole images" if size is None else f"patches of {size[1]}x{size[0]}"
            raise DarkroomError(f"{given} cannot be rotated by 90 degrees in a batch: choose the augmentation flip or none")
        self.dataset, self.degrade, self.size, self.batch_size, self.seed = dataset, degrade, size, batch_size, seed
        self.augmentation, self.shuffle_colors = augmentation, shuffle_colors

    def open(self) -> None:
        """Open the dataset."""
        self.dataset.open()

    def describe(self) -> DataRecord:
        patch = "whole image" if self.size is None else f"random {self.size[1]}x{self.size[0]} patch"
        augmented = {"dihedral": ", flipped and rotated by multiples of 90°", "flip": ", flipped horizontally", "none": ""}
        shuffled = ", colour channels permuted" if self.shuffle_colors else ""
        record = self.dataset.describe()
        return dataclasses.replace(
            record,
            samples_per_step=self.batch_size,
            sample=f"{patch}{augmented[self.augmentation]}{shuffled}",
            degradation=record.degradation if self.degrade is None else str(self.degrade),
        )

    def digests(self) -> dict[str, str]:
        return self.dataset.digests()

    def sample(self, step: int, index: int) -> Example:
        random = generator(self.seed, "sample", step, index)
        number, top, left, element = torch.randint(1 << 62, (4,), generator=random).tolist()
        example = self.dataset.example(number % len(self.dataset))
        channels = self._channels(example, random) if self.shuffle_colors else None
        transform = JointTransform(self.size, top, left, element % ELEMENTS[self.augmentation], channels)
        if self.degrade is None:
            return transform.of_example(example)
        if not is_image(example.target):
            raise DarkroomError(f"{self.dataset.name} has labels as targets, which cannot be degraded")
        return self.degrade(transform(example.target), random)

    @staticmethod
    def _channels(example: Example, random: torch.Generator) -> Tensor:
        image = example.target if is_image(example.target) else example.input
        return torch.randperm(len(image), generator=random)


class EmptyStream(Stream):
    """The stream of a row without training steps; it has no samples."""

    batch_size = 1

    def open(self) -> None:
        """There is nothing to open."""

    def describe(self) -> DataRecord:
        return DataRecord("none", 0, samples_per_step=0, sample="nothing is trained", degradation="none")

    def sample(self, step: int, index: int) -> Example:
        raise LookupError("a row without training steps has no samples")


def batches(
    stream: Stream,
    start: int,
    stop: int,
    *,
    batches_per_step: int = 1,
    workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
) -> Iterator[Any]:
    """What steps `start` to `stop − 1` are given, in order: a batch each, or a list of `batches_per_step` batches.

    Batch k of a step consists of the samples from k · batch_size on. With several processes, each one takes an equal part of
    every batch: together they see what a single process would.

    Args:
        stream: opened before, so that worker processes share its memory.
        start, stop: the range of steps.
        batches_per_step: a step's item is the batch itself where this is 1, and a list otherwise.
        workers: number of processes that prepare batches ahead; 0 prepares them in this one.
        rank, world_size: number of this process, and of all processes.
        pin_memory: use page-locked memory, for faster copies to a GPU.

    Raises:
        DarkroomError: the batch cannot be divided evenly among the processes, or an image turns out to be broken.
    """
    if stream.batch_size % world_size:
        given = f"a batch of {stream.batch_size} cannot be divided evenly among {world_size} processes"
        raise DarkroomError(f"{given}; change the batch size")
    loader = DataLoader(
        _Steps(stream, batches_per_step, rank, world_size),
        batch_size=None,
        sampler=range(start, stop),
        num_workers=workers,
        pin_memory=pin_memory,
        prefetch_factor=4 if workers else None,
    )
    return _raising(iter(loader))


def _raising(items: Iterator[Any]) -> Iterator[Any]:
    while True:
        try:
            item = next(items)
        except StopIteration:
            return
        if isinstance(item, DarkroomError):
            items = iter(())  # ends the workers now, not when the exception's traceback is freed
            raise item
        yield item


class _Steps(TorchDataset):
    """A stream as a map-style dataset: item n is what step n is given. Errors are items, to pass from workers in one line."""

    def __init__(self, stream: Stream, batches_per_step: int, rank: int, world_size: int) -> None:
        share = stream.batch_size // world_size
        self.stream, self.batches_per_step = stream, batches_per_step
        self.part = range(rank * share, (rank + 1) * share)

    def __getitem__(self, step: int) -> Any:
        try:
            found = [self._batch(step, number * self.stream.batch_size) for number in range(self.batches_per_step)]
        except DarkroomError as error:
            return error
        return found[0] if self.batches_per_step == 1 else found

    def _batch(self, step: int, first: int) -> Any:
        return default_collate([self.stream.sample(step, first + index) for index in self.part])
