"""Fetch a catalogue entry: verified, all or nothing, and never outside its folder."""

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from darkroom.core.errors import DarkroomError
from darkroom.core.paths import data_root
from darkroom.data.catalogue import Entry

TRIES = 3


@runtime_checkable
class ProgressBar(Protocol):
    """What pooch asks of a progress bar."""

    total: int

    def update(self, amount: int) -> None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


def get(entry: Entry, *, progress: ProgressBar | None = None, say: Callable[[str], None] = lambda line: None) -> Path:
    """Download, verify and unpack a dataset; return its folder. What is there already is only checked.

    An interrupted download leaves nothing behind and is redone; an archive that came whole is kept
    until it has been unpacked, and then removed.

    Raises:
        DarkroomError: the address does not answer, the connection breaks three times, the checksum is
            wrong, the archive wants to write outside its folder, or it lacks images.
    """
    if entry.place().exists():
        entry.check()
        return entry.place()
    archive = _fetch(entry, progress, say)
    entry.place().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=data_root()) as temporary:
        unpack(archive, Path(temporary))
        content = Path(temporary) / entry.inside
        if not content.is_dir():
            archive.unlink()
            raise DarkroomError(f"the archive from {entry.address} has no folder {entry.inside}; nothing was kept")
        content.rename(entry.place())
    try:
        entry.check()
    except DarkroomError:
        shutil.rmtree(entry.place())
        archive.unlink()
        raise
    archive.unlink()
    return entry.place()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip archive below `folder`, refusing it whole if any member points elsewhere.

    Raises:
        DarkroomError: a member would land outside, is a device, or the archive is broken.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                for name in opened.namelist():
                    if not (folder / name).resolve().is_relative_to(folder.resolve()) or "\\" in name:
                        raise DarkroomError(f"{archive} is refused: its member {name!r} would be written outside its folder")
                opened.extractall(folder)
        else:
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        raise DarkroomError(f"{archive} is refused: {error}") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise DarkroomError(f"{archive} is not a whole archive ({error}); remove it and get it again") from error
    except OSError as error:
        raise DarkroomError(f"cannot unpack {archive}: {error}") from error


def _fetch(entry: Entry, progress: ProgressBar | None, say: Callable[[str], None]) -> Path:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    known = f"sha256:{entry.sha256}" if entry.sha256 else None
    name = f"{entry.name}{''.join(Path(entry.address).suffixes[-2:])}"
    for attempt in range(1, TRIES + 1):
        try:
            fetched = pooch.retrieve(
                entry.address,
                known_hash=known,
                fname=name,
                path=data_root() / ".downloads",
                downloader=pooch.HTTPDownloader(progressbar=progress if progress is not None else False, timeout=60),
            )
            return Path(fetched)
        except ValueError as error:  # pooch's word for a wrong checksum
            raise DarkroomError(
                f"{entry.address} did not give the file with SHA-256 {entry.sha256}; nothing was kept"
            ) from error
        except requests.exceptions.HTTPError as error:
            raise DarkroomError(f"{entry.address} answered: {error}") from error
        except (requests.exceptions.RequestException, OSError) as error:
            if attempt == TRIES:
                reason = "the connection failed" if isinstance(error, requests.exceptions.RequestException) else str(error)
                raise DarkroomError(f"could not download {entry.address}: {reason}, {TRIES} times; try again later") from error
            say(f"the connection broke; trying again ({attempt + 1} of {TRIES})")
            if progress is not None:
                progress.reset()
    raise AssertionError("unreachable")
