"""A dataset reduced to some of its examples."""

from collections.abc import Callable, Mapping, Sequence

from darkroom.core.dataset import Dataset
from darkroom.core.method import Example
from darkroom.data.palettes import Palette


class Chosen(Dataset):
    """Some examples of a dataset; the others are not read.

    Args:
        dataset: the whole.
        choose: from the number of its examples to the chosen indices, in order; called once it is known.
    """

    def __init__(self, dataset: Dataset, choose: Callable[[int], Sequence[int]]) -> None:
        self.dataset, self.choose, self.name = dataset, choose, dataset.name

    @property
    def indices(self) -> Sequence[int]:
        """Of the chosen examples, in the dataset."""
        return self.choose(len(self.dataset))

    @property
    def names(self) -> list[str]:
        names = self.dataset.names
        return [names[index] for index in self.indices]

    @property
    def files(self) -> Mapping[str, object]:
        """The whole dataset's files by name, where it has them; for messages."""
        return getattr(self.dataset, "files", {})

    @property
    def palette(self) -> Palette:
        """The whole dataset's palette, where it has label maps; for figures."""
        return getattr(self.dataset, "palette", ())

    def open(self) -> None:
        self.dataset.open()

    def __len__(self) -> int:
        return len(self.indices)

    def example(self, index: int) -> Example:
        return self.dataset.example(self.indices[index])

    def digests(self) -> dict[str, str]:
        digests = self.dataset.digests()
        return {name: digests[name] for name in self.names if name in digests}


def first(dataset: Dataset, count: int) -> Dataset:
    """The first `count` examples."""
    return Chosen(dataset, lambda total: range(min(count, total)))


def only(dataset: Dataset, index: int) -> Dataset:
    """One example."""
    return Chosen(dataset, lambda total: [index])


def evenly_spaced(dataset: Dataset, count: int) -> Dataset:
    """At most `count` examples, evenly spaced from the first on.

    Example:
        >>> evenly_spaced_indices(10, 4)
        range(0, 10, 3)
    """
    return Chosen(dataset, lambda total: evenly_spaced_indices(total, count))


def evenly_spaced_indices(total: int, count: int) -> range:
    """Every k-th index with the smallest k that gives at most `count`."""
    return range(0, total, max(1, -(-total // count)))
