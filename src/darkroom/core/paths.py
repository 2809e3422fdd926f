"""Locations: the data root and the cache; and names of files as text."""

import os
from pathlib import Path


def data_root() -> Path:
    """The folder that holds every dataset: `$DARKROOM_DATA`, else `~/.cache/darkroom/data`."""
    given = os.environ.get("DARKROOM_DATA")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "darkroom" / "data"


def cache_root() -> Path:
    """The folder for computed files, which can be deleted and are computed again: `$DARKROOM_CACHE`, else `~/.cache/darkroom/made`."""
    given = os.environ.get("DARKROOM_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "darkroom" / "made"


def printable(name: str) -> str:
    """A file's name as valid text, for tables, records and messages: bytes that are not UTF-8 are written as numbers.

    Example:
        >>> printable(os.fsdecode(b"caf\\xe9.png"))
        'caf\\\\xe9.png'
    """
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")
