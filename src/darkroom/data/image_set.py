"""A named set of images, read when first asked for and held in memory as bytes."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from jaxtyping import UInt8
from torch import Tensor

from darkroom.core import images
from darkroom.core.errors import DarkroomError

HELD_BYTES = 4 << 30
"""Up to this size (decoded) a set is held in memory; a larger one is decoded each time it is asked for."""


class ImageSet:
    """ImageSet by position and by name, uint8 `(channel, height, width)`.

    Making one costs nothing: files are looked up at the first use, and decoded once.

    Args:
        name: what tables call the set, for example "bsd68".
        find: returns the files by image name; raises `DarkroomError` with the remedy if they are missing.
        grey: convert to one channel (BT.601 luma); otherwise every image has three.
        read: reads a file, where it is done otherwise than by `core.images.read_uint8`.
    """

    def __init__(
        self,
        name: str,
        find: Callable[[], Mapping[str, Path]],
        *,
        grey: bool = False,
        read: Callable[[Path], Tensor] | None = None,
    ) -> None:
        self.name, self.find, self.grey = name, find, grey
        self.read = read or (lambda path: images.read_uint8(path, grey=grey))
        self._held: dict[int, Tensor] = {}
        self._held_bytes = 0
        self._full = False

    @cached_property
    def files(self) -> dict[str, Path]:
        """The files by image name, in a fixed order."""
        return dict(self.find())

    @property
    def names(self) -> list[str]:
        """The images' names, in order."""
        return list(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> UInt8[Tensor, "channel height width"]:
        if index not in self._held:
            image = self.read(list(self.files.values())[index])
            if self._held_bytes + image.numel() > HELD_BYTES:
                self._full = True
                return image
            self._held[index] = image
            self._held_bytes += image.numel()
        return self._held[index]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def hold(self) -> "ImageSet":
        """Decode everything that fits now, on several threads, before worker processes are started."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda index: None if self._full else self[index], range(len(self))))
        return self

    def first(self, count: int) -> "ImageSet":
        """The first `count` images, as a set of their own."""
        return ImageSet(self.name, lambda: dict(list(self.find().items())[:count]), grey=self.grey, read=self.read)

    def every(self, count: int) -> "ImageSet":
        """At most `count` images, evenly taken from the first on, as a set of their own."""

        def find() -> dict[str, Path]:
            found = list(self.find().items())
            return dict(found[:: -(-len(found) // count)])

        return ImageSet(self.name, find, grey=self.grey, read=self.read)


def files_below(folder: Path) -> dict[str, Path]:
    """Every image file below a folder, by its path from there without ending, sorted.

    Raises:
        DarkroomError: the folder is missing or has no images.
    """
    if not folder.is_dir():
        raise DarkroomError(f"no folder at {folder}")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in images.READABLE and path.is_file() and not path.name.startswith(".")
    )
    if not found:
        raise DarkroomError(f"no images in {folder} (looked for {', '.join(sorted(images.READABLE))})")
    stems = [path.relative_to(folder).with_suffix("").as_posix() for path in found]
    unique = len(set(stems)) == len(stems)
    return {stem if unique else path.relative_to(folder).as_posix(): path for stem, path in zip(stems, found, strict=True)}
