"""Locations: the data root, the cache, and the folders of installed packages."""

import importlib.util
import os
from pathlib import Path

from darkroom.core.errors import DarkroomError


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


_DISTRIBUTIONS = {"skimage": "scikit-image", "sklearn": "scikit-learn", "PIL": "pillow"}


def package_folder(package: str) -> Path:
    """The folder of an installed package, found without importing it.

    Raises:
        DarkroomError: the package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise DarkroomError(f"the package {package!r} is not installed: pip install {_DISTRIBUTIONS.get(package, package)}")
    return Path(found.origin).parent
