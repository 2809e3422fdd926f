"""Images in a zip file: read in memory one by one, never unpacked to disk."""

import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from darkroom.core.errors import DarkroomError
from darkroom.core.image_codecs import Encoded
from darkroom.core.images import READABLE

LARGEST_MEMBER = 256 << 20
"""Bytes of an image file, uncompressed; a zip file with a larger one is refused."""


@dataclass(frozen=True)
class ZippedImage:
    """An image file in a zip file.

    Args:
        archive: the zip file.
        member: path of the image within it.
    """

    archive: Path
    member: str

    def __str__(self) -> str:
        return f"{self.archive}/{self.member}"

    def read(self) -> Encoded:
        """The bytes of the image file.

        Raises:
            DarkroomError: the archive is damaged.
        """
        with _errors(self.archive):
            return Encoded(str(self), _opened(self.archive).read(self.member))


def zipped_images(archive: Path) -> dict[PurePosixPath, ZippedImage]:
    """Every image in a zip file by its path there, sorted; directories, hidden files and other files are left out.

    Raises:
        DarkroomError: the file is missing, damaged or encrypted, has no images, the path of a member leaves the archive, or an
            image is larger than `LARGEST_MEMBER`.
    """
    if not archive.is_file():
        raise DarkroomError(f"no zip file at {archive}")
    with _errors(archive):
        members = _opened(archive).infolist()
    images = [member for member in members if _is_image(PurePosixPath(member.filename))]
    _require_safe(archive, images)
    if not images:
        raise DarkroomError(f"no images in {archive} (looked for {', '.join(sorted(READABLE))})")
    return {PurePosixPath(name): ZippedImage(archive, name) for name in sorted(member.filename for member in images)}


def _is_image(path: PurePosixPath) -> bool:
    return path.suffix.lower() in READABLE and not path.name.startswith(".") and path.parts[0] != "__MACOSX"


def _require_safe(archive: Path, members: Iterable[zipfile.ZipInfo]) -> None:
    seen = set()
    for member in members:
        path = PurePosixPath(member.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
            raise DarkroomError(f"{archive} is refused: its member {member.filename!r} points outside the archive")
        if member.filename in seen:
            raise DarkroomError(f"{archive} is refused: its member {member.filename!r} occurs twice")
        if member.flag_bits & 1:
            raise DarkroomError(f"{archive} is encrypted; unpack it and give the folder")
        if member.file_size > LARGEST_MEMBER:
            size = f"{member.file_size / 2**20:.0f} MiB"
            raise DarkroomError(
                f"{archive} is refused: its member {member.filename!r} has {size}, at most {LARGEST_MEMBER >> 20} are read"
            )
        seen.add(member.filename)


def _opened(archive: Path) -> zipfile.ZipFile:
    state = archive.stat()
    return _opened_by_process(archive, os.getpid(), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _opened_by_process(archive: Path, process: int, modified: int, size: int) -> zipfile.ZipFile:
    """One open file for each process: a position in a file that forked workers share would be moved by all of them."""
    return zipfile.ZipFile(archive)


@contextmanager
def _errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a damaged archive raises every kind of exception
        raise DarkroomError(f"{archive} cannot be read as a zip file ({error or type(error).__name__})") from error
