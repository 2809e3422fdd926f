"""Checksums of downloads: trust on first use where a publisher states none."""

import datetime
import hashlib
from pathlib import Path

from darkroom.core.errors import DarkroomError
from darkroom.core.files import read_json, write_json
from darkroom.core.paths import data_root


def recorded_in() -> Path:
    """The file of the checksums of first downloads, by address."""
    return data_root() / "checksums.json"


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            state.update(piece)
    return state.hexdigest()


def first_download(url: str) -> tuple[str, str] | None:
    """SHA-256 and date of the first download from an address, or None if there was none.

    Raises:
        DarkroomError: the file of checksums is damaged.
    """
    if not recorded_in().exists():
        return None
    found = read_json(recorded_in()).get(url)
    if found is None:
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(key), str) for key in ("sha256", "date")):
        raise DarkroomError(f"{recorded_in()} is damaged: no sha256 and date of {url}; correct the file, or remove it")
    return found["sha256"], found["date"]


def record(url: str, digest: str) -> None:
    """Keep the SHA-256 of a first download, with the date of today."""
    known = read_json(recorded_in()) if recorded_in().exists() else {}
    date = datetime.date.today().isoformat()
    write_json(recorded_in(), {**known, url: {"sha256": digest, "date": date}})
