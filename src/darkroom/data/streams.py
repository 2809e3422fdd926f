"""Training streams: a batch is a function of seed and step, and of nothing else."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.core.stream import Stream
from darkroom.data.image_set import ImageSet
from darkroom.operators.turn import turned

Degradation = Callable[[Float[Tensor, "channel height width"], torch.Generator], Example]
"""Makes a training pair from a clean image: `(clean, generator) -> Example`."""


@runtime_checkable
class Ways(Protocol):
    """Several degradations, each of which makes a question of every image."""

    def ways(self) -> Sequence[Degradation]:
        """All of them."""


@runtime_checkable
class ByName(Protocol):
    """A degradation for every image: a view is asked for by the camera that took it."""

    def of(self, name: str) -> Degradation:
        """That of the image of this name."""


class PatchStream(Stream):
    """Random square patches, flipped and turned at random, degraded at random.

    Every image is equally likely, and every place in it. An image smaller than the patch is continued
    by reflection.

    Args:
        images: the clean images.
        degrade: makes the pair from a clean patch.
        patch: side of the patch in pixels.
        batch: samples a step, over all processes together.
        seed: the seed that everything depends on.
        shuffle_colors: also exchange the colour channels at random, six ways; a remedy where images are few.
    """

    def __init__(
        self,
        images: ImageSet,
        degrade: Degradation,
        *,
        patch: int,
        batch: int,
        seed: int,
        shuffle_colors: bool = False,
    ) -> None:
        if patch < 1 or batch < 1:
            raise DarkroomError(f"patch and batch must be at least 1, given --patch {patch} --batch {batch}")
        self.images, self.degrade, self.patch, self.batch, self.seed = images, degrade, patch, batch, seed
        self.shuffle_colors = shuffle_colors

    def open(self) -> None:
        self.images.hold()

    def describe(self) -> dict[str, Any]:
        return {
            "set": self.images.name,
            "images": len(self.images),
            "samples a step": self.batch,
            "sample": f"random {self.patch}x{self.patch} patch, flipped and turned in eight ways"
            + (", colours exchanged in six" if self.shuffle_colors else ""),
            "degradation": str(self.degrade),
        }

    def sample(self, step: int, index: int) -> Example:
        random = generator(self.seed, "sample", step, index)
        which, *places = torch.randint(1 << 62, (4,), generator=random).tolist()
        patch = patch_of(self.images[which % len(self.images)], self.patch, *places)
        if self.shuffle_colors:
            patch = patch[torch.randperm(len(patch), generator=random)]
        return self.degrade(to_float(patch).contiguous(), random)


class Nothing(Stream):
    """The stream of a row that learns nothing."""

    batch = 1

    def open(self) -> None:
        pass

    def describe(self) -> dict[str, Any]:
        return {"set": "none", "images": 0, "samples a step": 0, "sample": "nothing is trained", "degradation": "none"}

    def sample(self, step: int, index: int) -> Example:
        raise LookupError("a row that learns nothing has no samples")


def patch_of(
    image: Shaped[Tensor, "channel height width"], side: int, down: int, right: int, turn: int
) -> Shaped[Tensor, "channel side side"]:
    """A square patch by three large numbers: where it lies, and which of the eight ways it is flipped and turned.

    An image smaller than the patch is continued by reflection.
    """
    image = _at_least(image, side)
    top, left = down % (image.shape[1] - side + 1), right % (image.shape[2] - side + 1)
    return turned(image[:, top : top + side, left : left + side], turn % 8)


def batches(
    stream: Stream, start: int, stop: int, *, workers: int = 0, rank: int = 0, world: int = 1, pin_memory: bool = False
) -> Iterator[Any]:
    """The batches of steps `start` to `stop − 1`, in order; with `world` processes, this one's equal part.

    Raises:
        DarkroomError: the batch cannot be divided evenly among the processes.
    """
    if stream.batch % world:
        raise DarkroomError(f"a batch of {stream.batch} cannot be divided evenly among {world} processes; change --batch")
    loader = DataLoader(
        _Steps(stream, rank, world),
        batch_size=None,
        sampler=range(start, stop),
        num_workers=workers,
        pin_memory=pin_memory,
        prefetch_factor=4 if workers else None,
    )
    return iter(loader)


class _Steps(Dataset):
    """A stream as a dataset whose items are whole batches, numbered by step."""

    def __init__(self, stream: Stream, rank: int, world: int) -> None:
        share = stream.batch // world
        self.stream, self.mine = stream, range(rank * share, (rank + 1) * share)

    def __getitem__(self, step: int) -> Any:
        return default_collate([self.stream.sample(step, index) for index in self.mine])


def _at_least(image: Shaped[Tensor, "channel height width"], side: int) -> Shaped[Tensor, "channel height2 width2"]:
    missing = [max(0, side - length) for length in image.shape[1:]]
    if not any(missing):
        return image
    return torch.from_numpy(np.pad(image.numpy(), [(0, 0), *((0, more) for more in missing)], mode="symmetric"))
