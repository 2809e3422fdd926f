"""The contract of datasets: examples by number, whole and undegraded."""

import hashlib
from abc import ABC, abstractmethod

from jaxtyping import Integer
from torch import Tensor

from darkroom.core.images import is_image, to_float
from darkroom.core.method import Example
from darkroom.core.record import DataRecord


class Dataset(ABC):
    """A named, ordered collection of examples. Making one reads nothing.

    The dtype of a tensor tells what it is:

    - uint8 `(channel, height, width)` is an image, 0–255; float32 of that shape is an image in [0, 1];
    - int64 `(1, height, width)` is a label map, one class id for each pixel;
    - int64 `()` is the class of the whole image.

    Images and label maps of one example have the same height and width.

    Example:
        >>> import torch
        >>> class Ramps(Dataset):
        ...     name = "ramps"
        ...     names = ["short", "long"]
        ...     def __len__(self):
        ...         return 2
        ...     def example(self, index):
        ...         image = torch.arange(8 + 8 * index, dtype=torch.uint8).expand(3, 4, -1)
        ...         return Example(image, image)
        >>> [tuple(Ramps().example(index).input.shape) for index in range(2)]
        [(3, 4, 8), (3, 4, 16)]
    """

    name: str

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """The name of each example, in order."""

    def open(self) -> None:  # noqa: B027  (a dataset without files has nothing to open)
        """Look the files up, check that they fit together, and read into memory what fits there.

        Raises:
            DarkroomError: something is missing or broken; the line names the file.
        """

    @abstractmethod
    def __len__(self) -> int:
        """Number of examples."""

    @abstractmethod
    def example(self, index: int) -> Example:
        """Example `index`: whole images and labels, without batch dimension."""

    def describe(self) -> DataRecord:
        """What a run records of the dataset; a stream completes it with how samples are drawn."""
        return DataRecord(self.name, len(self), samples_per_step=0, sample="whole image", degradation="none")

    def digests(self) -> dict[str, str]:
        """A digest of the content of every photograph by the name of its example; empty where that cannot be compared."""
        return {}


def digest(image: Integer[Tensor, "channel height width"]) -> str:
    """BLAKE2b of an image's shape and pixels, 128 bits in hexadecimal: equal for identical pixels only.

    Example:
        >>> import torch
        >>> image = torch.zeros(3, 4, 4, dtype=torch.uint8)
        >>> digest(image) == digest(image.clone()), digest(image) == digest(image[:, :, :2])
        (True, False)
    """
    state = hashlib.blake2b(f"{tuple(image.shape)} {image.dtype}".encode(), digest_size=16)
    state.update(image.contiguous().numpy())  # type: ignore[arg-type]
    return state.hexdigest()


def float_example(example: Example) -> Example:
    """An example with its images as float in [0, 1]; labels stay integers."""
    input, target, *condition = (
        to_float(x) if is_image(x) and not x.is_floating_point() else x
        for x in (example.input, example.target, *example.condition)
    )
    return Example(input, target, tuple(condition))
