"""Examples to batches of equal shapes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from darkroom.core.dataset import Dataset, float_example
from darkroom.core.method import Example

T = TypeVar("T")


def grouped(items: Iterable[T], shape: Callable[[T], object], size: int) -> Iterator[list[T]]:
    """Consecutive items of equal shape, at most `size` together, in order.

    Example:
        >>> list(grouped(["a", "b", "cc", "dd", "ee"], len, 2))
        [['a', 'b'], ['cc', 'dd'], ['ee']]
    """
    batch: list[T] = []
    for item in items:
        if batch and (len(batch) == size or shape(item) != shape(batch[0])):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def shapes(example: Example) -> tuple[torch.Size, ...]:
    """Shapes of input, target and condition."""
    return tuple(x.shape for x in (example.input, example.target, *example.condition))


def collate(examples: Sequence[Example], device: torch.device) -> Example:
    """Examples of equal shapes as one batch on a device.

    Example:
        >>> batch = collate([Example(torch.zeros(3, 8, 8), torch.ones(3, 8, 8), (torch.tensor(0.1),))] * 2, torch.device("cpu"))
        >>> tuple(batch.input.shape), tuple(batch.condition[0].shape)
        ((2, 3, 8, 8), (2,))
    """

    def together(tensors: Sequence[Tensor]) -> Tensor:
        return (tensors[0][None] if len(tensors) == 1 else torch.stack(list(tensors))).to(device)

    conditions = zip(*(example.condition for example in examples), strict=True)
    return Example(
        together([example.input for example in examples]),
        together([example.target for example in examples]),
        tuple(together(tensors) for tensors in conditions),
    )


def batches_of(dataset: Dataset, size: int, device: torch.device) -> Iterator[Example]:
    """The examples of a dataset, images in [0, 1], in order, in batches of equal shapes."""
    examples = (float_example(dataset.example(index)) for index in range(len(dataset)))
    return (collate(group, device) for group in grouped(examples, shapes, size))
