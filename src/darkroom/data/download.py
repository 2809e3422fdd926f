"""Download a dataset of the catalogue: verified, complete or not at all, and never outside its folder."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol, runtime_checkable

from darkroom.core.errors import DarkroomError
from darkroom.core.files import no_room
from darkroom.core.paths import data_root
from darkroom.data import checksums
from darkroom.data.archives import Limit, unpack
from darkroom.data.catalogue import CATALOGUE, Entry
from darkroom.data.transfer import ProgressBar, Transfer

__all__ = ["ProgressBar", "get", "verify"]

Log = Callable[[str], None]

_UNPACKING = ".unpacking-"


def get(entry: Entry, *, progress: ProgressBar | None = None, log: Log = lambda line: None) -> Path:
    """Download, verify and unpack a dataset; return its folder. An existing dataset is only checked.

    An interrupted download is continued by the next call where the server allows that; everything else that an interruption left
    is removed by it. The archive is compared with the SHA-256 of the catalogue, or, where its publisher states none, with that of
    the first download on this machine (`checksums.recorded_in`).

    Args:
        entry: the dataset.
        progress: shows the download.
        log: is given a line when a broken connection is retried, a download is continued, or a checksum is recorded.

    Raises:
        DarkroomError: another process is downloading it; the server does not respond, the connection breaks three times, or the
            checksum is wrong; the archive is encrypted, too large, or has a member that points outside its folder; images are
            missing; or the disk is full.
    """
    if not entry.path().exists():
        with _errors(entry), _locked(entry):
            _remove_leftovers(entry)
            if not entry.path().exists():  # another process may have been faster
                return _get(entry, progress, log)
    entry.check()
    return entry.path()


def _get(entry: Entry, progress: ProgressBar | None, log: Log) -> Path:
    first = checksums.first_download(entry.url)
    transfer = Transfer(entry.url, _store() / f"{entry.name}.part", entry.largest_bytes, progress, log)
    transfer.run()
    digest = checksums.sha256(transfer.path)
    if transfer.resumed and digest != (entry.sha256 or (first[0] if first else digest)):
        log("the continued download has a wrong checksum: starting over")
        transfer.remove()
        transfer.run()
        digest = checksums.sha256(transfer.path)
    try:
        verify(entry, digest, first, log)
        _install(entry, transfer.path)
    finally:
        transfer.remove()
    if entry.sha256 is None and first is None:
        checksums.record(entry.url, digest)
    return entry.path()


@runtime_checkable
class Published(Protocol):
    """A file that others publish: its title, address, and SHA-256 where that is stated."""

    @property
    def title(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def sha256(self) -> str | None: ...


def verify(entry: Published, digest: str, first: tuple[str, str] | None, log: Log) -> None:
    """Compare a download with its checksum, or with the first download's, or say that there is neither.

    Args:
        entry: what was downloaded.
        digest: SHA-256 of the file.
        first: SHA-256 and date of the first download from this address, if there was one.
        log: is given a line where no checksum is stated.

    Raises:
        DarkroomError: it differs.
    """
    if entry.sha256 is not None:
        if digest != entry.sha256:
            raise DarkroomError(f"{entry.url} does not have the SHA-256 {entry.sha256}, but {digest}; nothing was kept")
    elif first is None:
        log(
            f"the publisher of {entry.title} states no checksum: the SHA-256 of this download is recorded in "
            f"{checksums.recorded_in()}, and later ones are compared with it"
        )
    elif first[0] != digest:
        raise DarkroomError(
            f"{entry.url} has other content than at its first download on {first[1]}: SHA-256 {digest}, not {first[0]}; nothing "
            f"was kept. If its publisher has changed it, remove its line from {checksums.recorded_in()}"
        )
    else:
        log(f"the same content as at its first download on {first[1]} (SHA-256)")


def _install(entry: Entry, archive: Path) -> None:
    """Unpack, check, and only then put the dataset in its place."""
    folder = data_root() / f"{_UNPACKING}{entry.name}"
    try:
        folder.mkdir()
        unpack(archive, folder, entry.inside, Limit(entry.largest_bytes, entry.most_files), f"the archive from {entry.url}")
        content = folder / entry.inside
        if not content.is_dir():
            raise DarkroomError(f"the archive from {entry.url} has no folder {entry.inside}; nothing was kept")
        try:
            entry.decode(content)
        except DarkroomError as error:
            raise DarkroomError(
                f"the archive from {entry.url} is not {entry.title} as expected: {error}; nothing was kept"
            ) from error
        entry.path().parent.mkdir(parents=True, exist_ok=True)
        content.rename(entry.path())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(entry: Entry) -> None:
    """Remove what killed processes have left, but not what can be continued or is being downloaded."""
    for folder in data_root().glob(f"{_UNPACKING}*"):
        if not _in_use(folder.name.removeprefix(_UNPACKING), entry):
            shutil.rmtree(folder, ignore_errors=True)
    for file in _store().iterdir():
        name = file.name.split(".")[0]
        part, note = f"{name}.part", f"{name}.part.json"
        continued = name in (*CATALOGUE, entry.name) and file.name in (part, note) and (_store() / note).exists()
        if not continued and not _in_use(name, entry) and file.name != f"{entry.name}.lock":
            file.unlink(missing_ok=True)


def _in_use(name: str, entry: Entry) -> bool:
    """Whether another process is downloading the dataset of that name."""
    lock = _store() / f"{name}.lock"
    if name == entry.name or not lock.exists():
        return False
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def _locked(entry: Entry) -> Iterator[None]:
    """Keep other processes from downloading the same dataset.

    Raises:
        DarkroomError: another process is downloading it.
    """
    path = _store() / f"{entry.name}.lock"
    with _acquired(path, entry):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # it is not empty
                path.parent.rmdir()


def _acquired(path: Path, entry: Entry) -> IO[str]:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("a")
        except FileNotFoundError:  # another process has just removed the empty folder
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise DarkroomError(f"another process is downloading {entry.title} to {data_root()}: wait for it") from None
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
        file.close()  # the process that had locked it has removed it


@contextmanager
def _errors(entry: Entry) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = no_room(error) or error.strerror or error
        raise DarkroomError(
            f"cannot write {entry.title} to {data_root()}: {reason}; another folder can be named by DARKROOM_DATA"
        ) from error


def _store() -> Path:
    """The folder of downloads that are not yet complete."""
    return data_root() / ".downloads"
