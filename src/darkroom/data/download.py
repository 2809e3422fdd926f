"""Download a dataset of the catalogue: verified, complete or not at all, and never outside its folder."""

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
    """The interface of a progress bar that pooch requires."""

    total: int

    def update(self, amount: int) -> None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


def get(entry: Entry, *, progress: ProgressBar | None = None, log: Callable[[str], None] = lambda line: None) -> Path:
    """Download, verify and unpack a dataset; return its folder. An existing dataset is only checked.

    An interrupted download leaves nothing behind; a complete archive is kept until it has been unpacked, and then removed.

    Args:
        entry: the dataset.
        progress: shows the download.
        log: is given a line when a broken connection is retried.

    Raises:
        DarkroomError: the server does not respond, the connection breaks three times, the checksum is wrong, a member of the
            archive points outside its folder, or images are missing.
    """
    if entry.path().exists():
        entry.check()
        return entry.path()
    archive = _fetch(entry, progress, log)
    entry.path().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=data_root()) as temporary:
        unpack(archive, Path(temporary))
        content = Path(temporary) / entry.inside
        if not content.is_dir():
            archive.unlink()
            raise DarkroomError(f"the archive from {entry.url} has no folder {entry.inside}; nothing was kept")
        content.rename(entry.path())
    try:
        entry.check()
    except DarkroomError:
        shutil.rmtree(entry.path())
        archive.unlink()
        raise
    archive.unlink()
    return entry.path()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip archive below `folder`; if any member points elsewhere, nothing is unpacked.

    Raises:
        DarkroomError: a member points outside or is a device, or the archive is broken.
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
        raise DarkroomError(f"{archive} is not a complete archive ({error}); remove it and download it again") from error
    except OSError as error:
        raise DarkroomError(f"cannot unpack {archive}: {error}") from error


def _fetch(entry: Entry, progress: ProgressBar | None, log: Callable[[str], None]) -> Path:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    known = f"sha256:{entry.sha256}" if entry.sha256 else None
    name = f"{entry.name}{''.join(Path(entry.url).suffixes[-2:])}"
    for attempt in range(1, TRIES + 1):
        try:
            fetched = pooch.retrieve(
                entry.url,
                known_hash=known,
                fname=name,
                path=data_root() / ".downloads",
                downloader=pooch.HTTPDownloader(progressbar=progress if progress is not None else False, timeout=60),
            )
            return Path(fetched)
        except ValueError as error:  # how pooch reports a wrong checksum
            raise DarkroomError(f"{entry.url} does not have the SHA-256 {entry.sha256}; nothing was kept") from error
        except requests.exceptions.HTTPError as error:
            raise DarkroomError(f"{entry.url} responded: {error}") from error
        except (requests.exceptions.RequestException, OSError) as error:
            if attempt == TRIES:
                reason = "the connection failed" if isinstance(error, requests.exceptions.RequestException) else str(error)
                raise DarkroomError(f"could not download {entry.url}: {reason}, {TRIES} times; try again later") from error
            log(f"the connection broke; trying again ({attempt + 1} of {TRIES})")
            if progress is not None:
                progress.reset()
    raise AssertionError("unreachable")
