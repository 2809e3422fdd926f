"""Unpacking tar and zip archives of strangers: never outside their folder, never more than expected."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from darkroom.core.errors import DarkroomError
from darkroom.core.files import no_room

LARGEST_HEADER = 1 << 20
"""Bytes of a header in a tar archive, which is read into memory as a whole."""


@dataclass
class Limit:
    """The size of an unpacked archive, counted by what its members declare, before they are unpacked.

    Args:
        largest: bytes of all members together.
        most: number of members.
    """

    largest: int
    most: int

    def __post_init__(self) -> None:
        self.bytes = self.members = 0

    def add(self, name: str, size: int) -> None:
        """Count a member.

        Raises:
            DarkroomError: there are too many, or they are too large.
        """
        self.bytes, self.members = self.bytes + size, self.members + 1
        if self.bytes > self.largest:
            raise DarkroomError(f"{name} is refused: it would unpack to more than {self.largest / 1e6:.0f} MB")
        if self.members > self.most:
            raise DarkroomError(f"{name} is refused: it has more than {self.most} members")


def unpack(archive: Path, folder: Path, inside: str, limit: Limit, name: str = "") -> None:
    """Unpack what an archive has in its folder `inside` to a new place below `folder`, with the path that it has there.

    Every member is checked, also those that are not unpacked.

    Args:
        archive: tar, plain or compressed, or zip.
        folder: an empty one.
        inside: a folder of the archive.
        limit: on the whole archive.
        name: of the archive in messages, by default its path.

    Raises:
        DarkroomError: a member points outside or is a device, the archive is encrypted, broken or beyond the limit, or the disk is
            full.
    """
    name = name or str(archive)
    try:
        with archive.open("rb") as file:
            zipped = file.read(2) == b"PK"
        (_unpack_zip if zipped else _unpack_tar)(archive, folder, inside.rstrip("/") + "/", limit, name)
    except DarkroomError:
        raise
    except tarfile.FilterError as error:
        raise DarkroomError(f"{name} is refused: {error}") from error
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise _broken(name, error) from error
        raise DarkroomError(f"cannot unpack {name}: {no_room(error) or error}") from error
    except Exception as error:  # broken archives raise every kind of exception
        raise _broken(name, error) from error


def _broken(name: str, error: Exception) -> DarkroomError:
    return DarkroomError(f"{name} is not a complete archive ({error or type(error).__name__}); download it again")


def _unpack_zip(archive: Path, folder: Path, inside: str, limit: Limit, name: str) -> None:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        for member in members:
            limit.add(name, member.file_size)
            if member.flag_bits & 1:
                raise DarkroomError(f"{name} is encrypted: its member {member.filename!r} needs a password")
            if not (folder / member.filename).resolve().is_relative_to(folder.resolve()) or "\\" in member.filename:
                raise DarkroomError(f"{name} is refused: its member {member.filename!r} would be written outside its folder")
        opened.extractall(folder, [member.filename for member in members if member.filename.startswith(inside)])


def _unpack_tar(archive: Path, folder: Path, inside: str, limit: Limit, name: str) -> None:
    with _decompressed(archive) as file, tarfile.open(fileobj=cast(Any, _SmallReads(file)), mode="r:") as opened:
        for member in opened:
            limit.add(name, member.size)
            tarfile.data_filter(member, str(folder))
            if member.name.removeprefix("./").startswith(inside):
                opened.extract(member, folder, filter="data")


@contextmanager
def _decompressed(archive: Path) -> Iterator[Any]:
    kinds: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
    with archive.open("rb") as file:
        begin = file.read(2)
    with kinds.get(begin, open)(archive, "rb") as file:
        yield file


class _SmallReads:
    """A file that is read in small pieces only: a tar header that declares a huge size would be read into memory as a whole."""

    def __init__(self, file: Any) -> None:
        self.file, self.seek, self.tell = file, file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """`size` bytes, or fewer at the end of the file."""
        if not 0 <= size <= LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self.file.read(size)  # type: ignore[no-any-return]
