"""A named set of images, decoded at first use and held in memory as bytes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path, PurePath
from typing import TypeVar

from jaxtyping import Integer
from torch import Tensor

from darkroom.core import images
from darkroom.core.dataset import Dataset, digest
from darkroom.core.errors import DarkroomError
from darkroom.core.image_codecs import Source
from darkroom.core.method import Example
from darkroom.core.paths import printable
from darkroom.data.zipped_images import ZippedImage, zipped_images

HELD_BYTES = 4 << 30
"""A set is held in memory up to this size (decoded); images beyond it are decoded at every access."""

File = Path | ZippedImage
"""Where an image of a set lies; `str` of it is its name in messages."""

F = TypeVar("F", bound=File)


class ImageSet(Dataset):
    """Images by position and by name, uint8 `(channel, height, width)`; as a dataset, clean images without degradation.

    Making one reads nothing: files are looked up at first use, and decoded once.

    Args:
        name: of the set in tables, for example "bsd68".
        find: returns the files by image name; raises `DarkroomError` with the remedy if they are missing.
        grey: convert to one channel (BT.601 luma); otherwise every image has three.
        read: reads a file instead of `core.images.read_uint8`; given a path, or the bytes of a member of a zip file.

    Example:
        >>> from darkroom.data.embedded import embedded
        >>> photographs = embedded("heldout")
        >>> photographs.names, tuple(photographs[0].shape), photographs[0].dtype
        (['astronaut', 'coffee', 'flower'], (3, 512, 512), torch.uint8)
        >>> len(photographs.first(2))
        2
    """

    def __init__(
        self,
        name: str,
        find: Callable[[], Mapping[str, File]],
        *,
        grey: bool = False,
        read: Callable[..., Tensor] | None = None,
    ) -> None:
        self.name, self.find, self.grey, self.read = name, find, grey, read
        self._held: dict[int, Tensor] = {}
        self._held_bytes = 0
        self._full = False

    @classmethod
    def from_path(
        cls, path: Path, *, name: str | None = None, grey: bool = False, read: Callable[..., Tensor] | None = None
    ) -> "ImageSet":
        """All images of a folder and its subfolders, or of a zip file; named after it unless `name` is given."""
        return cls(name or name_of(path), lambda: image_files(path), grey=grey, read=read)

    @cached_property
    def files(self) -> dict[str, File]:
        """The files by image name, in a fixed order."""
        return dict(self.find())

    @cached_property
    def names(self) -> list[str]:  # type: ignore[override]
        """The images' names, in order."""
        return list(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Integer[Tensor, "channel height width"]:
        if index not in self._held:
            image = self._read(self._source(index))
            if self._held_bytes + image.nbytes > HELD_BYTES:
                self._full = True
                return image
            self._held[index] = image
            self._held_bytes += image.nbytes
        return self._held[index]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def example(self, index: int) -> Example:
        """The image as input and as target."""
        return Example(self[index], self[index])

    def size(self, index: int) -> tuple[int, int]:
        """Width and height of an image; without decoding it where that is possible.

        Raises:
            DarkroomError: the file is missing or broken.
        """
        if index not in self._held and self.read is None:
            return images.size(self._source(index))
        height, width = self[index].shape[1:]
        return width, height

    def position(self, name: str) -> int:
        """The index of an image by its name."""
        return self._positions[name]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.names)}

    def is_held(self, index: int) -> bool:
        """Whether an image is in memory."""
        return index in self._held

    def open(self) -> None:
        """Decode the images that fit into memory, on several threads; call it before worker processes are started."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda index: None if self._full else self[index], range(len(self))))

    def hold(self) -> "ImageSet":
        """`open`, and return the set."""
        self.open()
        return self

    def digests(self) -> dict[str, str]:
        """`core.dataset.digest` of every image, computed once; images that are not held are decoded for it."""
        return self._digests

    @cached_property
    def _digests(self) -> dict[str, str]:
        with ThreadPoolExecutor() as pool:
            return dict(zip(self.names, pool.map(lambda index: digest(self[index]), range(len(self))), strict=True))

    def first(self, count: int) -> "ImageSet":
        """The first `count` images as a set."""
        return ImageSet(self.name, lambda: dict(list(self.find().items())[:count]), grey=self.grey, read=self.read)

    def every(self, count: int) -> "ImageSet":
        """At most `count` images at equal distances, the first one included, as a set."""

        def find() -> dict[str, File]:
            found = list(self.find().items())
            return dict(found[:: -(-len(found) // count)])

        return ImageSet(self.name, find, grey=self.grey, read=self.read)

    def _read(self, source: Source) -> Tensor:
        return images.read_uint8(source, grey=self.grey) if self.read is None else self.read(source)

    def _source(self, index: int) -> Source:
        file = self.files[self.names[index]]
        return file.read() if isinstance(file, ZippedImage) else file


def name_of(path: Path) -> str:
    """A folder's name, or a zip file's without ending: how a dataset is called unless it is given a name."""
    return printable(path.stem if path.suffix.lower() == ".zip" else path.name)


def image_files(path: Path) -> dict[str, File]:
    """Every image of a folder or of a zip file, by its path there without ending, sorted.

    Raises:
        DarkroomError: it is missing, has no images, or is not a zip file.
    """
    if path.suffix.lower() == ".zip" and not path.is_dir():
        return dict(_without_endings(zipped_images(path).items()))
    return dict(files_below(path))


def files_below(folder: Path) -> dict[str, Path]:
    """Every image file below a folder, by its path from there without ending, sorted.

    Raises:
        DarkroomError: the folder is missing or has no images.
    """
    if not folder.is_dir():
        raise DarkroomError(f"no folder at {folder}")
    found = [path for path in _visible_files(folder) if _is_image(path)]
    if not found:
        raise DarkroomError(f"no images in {folder} (looked for {', '.join(sorted(images.READABLE))})")
    return _without_endings((path.relative_to(folder), path) for path in found)


def skipped_below(folder: Path) -> list[Path]:
    """What `files_below` leaves out, sorted: every file whose ending is not that of an image, hidden ones excepted.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("a.png", "b.cr2", ".hidden"):
        ...         (Path(folder) / name).touch()
        ...     [path.name for path in skipped_below(Path(folder))]
        ['b.cr2']
    """
    return [path for path in _visible_files(folder) if not _is_image(path)]


def _visible_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in images.READABLE


def _without_endings(files: Iterable[tuple[PurePath, F]]) -> dict[str, F]:
    """Printable names, with their endings only where two would be equal without."""
    found = list(files)
    stems = [printable(path.with_suffix("").as_posix()) for path, _ in found]
    unique = len(set(stems)) == len(stems)
    return {stem if unique else printable(path.as_posix()): file for stem, (path, file) in zip(stems, found, strict=True)}
