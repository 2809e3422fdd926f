"""Atomic writing: after a failure a file holds its old content or all of the new one, never a part."""

import errno
import json
import math
import os
import re
import socket
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from darkroom.core.errors import DarkroomError

_MACHINE = f"{zlib.crc32(os.fsencode(socket.gethostname())):08x}"
_LEFT = re.compile(rf"\..*\.{_MACHINE}-(\d+)\.tmp", re.DOTALL)
_TIDY: set[Path] = set()
"""Folders without temporary files of processes of this machine that have ended."""

_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than allowed here",
}


def no_room(error: OSError) -> str | None:
    """The reason in words if an error means that the disk is full; None for other errors."""
    return _FULL.get(error.errno or 0)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` when the block ends without an exception.

    After an exception, a full disk or `kill -9`, `path` holds either its old content or all of the new one. Missing folders
    are made. The temporary file of a killed process is removed when another one writes into its folder.

    Raises:
        DarkroomError: the disk is full, or the path cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder) / "notes.txt") as temporary:
        ...         _ = temporary.write_text("complete")
        ...     (Path(folder) / "notes.txt").read_text()
        'complete'
    """
    if not path.name:
        raise DarkroomError(f"cannot write {path}: it is a folder; give the name of a file")
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _tidy(path.parent)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        cause = _of_the_file(error)
        if cause is None or (cause.filename is not None and Path(cause.filename) not in (temporary, path, *path.parents)):
            raise
        reason = no_room(cause) or cause.strerror or str(cause)
        raise DarkroomError(f"cannot write {path}: {reason}; the old content is untouched") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, *parts: bytes | memoryview) -> None:
    """Write `parts`, one after the other, to `path` atomically."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        for part in parts:
            file.write(part)


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically.

    Bytes of file names that are not UTF-8 are written as `\\udc..`, which JSON reads back as the same name.
    """
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON of dictionaries, lists, strings and numbers; infinity and nan, which JSON does not have, as strings that `float` reads.

    Example:
        >>> json_text({"psnr": [30.5, float("inf")]})
        '{"psnr": [30.5, "inf"]}'
    """
    return json.dumps(_spelled(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _spelled(item) for key, item in value.items()}
    return [_spelled(item) for item in value] if isinstance(value, list | tuple) else value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` to `path` as indented JSON, atomically; see `json_text`."""
    write_text(path, json_text(value, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        DarkroomError: the file is missing, is not UTF-8, or does not hold an object.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_json(Path(folder) / "x.json", {"a": 1})
        ...     read_json(Path(folder) / "x.json")
        {'a': 1}
    """
    try:
        return _object(path.read_bytes())
    except OSError as error:
        raise DarkroomError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DarkroomError(f"{path} is damaged: {error}") from error


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read one JSON object a line; a last line cut off by a killed process is left out. Empty if there is no file.

    Raises:
        DarkroomError: another line is not UTF-8 or does not hold an object; it is named.
    """
    if not path.exists():
        return []
    *lines, last = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                records.append(_object(line))
        except ValueError as error:
            raise DarkroomError(f"{path} is damaged in line {number} ({error}): correct the line, or remove it") from error
    with suppress(ValueError):  # without the end of its line
        records.append(_object(last))
    return records


def write_json_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """Write one JSON object a line, atomically; see `json_text`."""
    write_text(path, "".join(json_text(record) + "\n" for record in records))


def _of_the_file(error: BaseException | None) -> OSError | None:
    """The error of the file system: `torch.save` hides it behind a `RuntimeError`."""
    while error is not None and not isinstance(error, OSError):
        error = error.__context__
    return error


def _object(content: bytes) -> dict[str, Any]:
    """A JSON object; everything else is a `ValueError`."""
    try:
        value = json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"it holds a {type(value).__name__}, not an object")
    return value


def _beside(path: Path) -> Path:
    """A hidden name in the same folder, of this process alone, and no longer than file systems allow."""
    ending = f".{_MACHINE}-{os.getpid()}.tmp"
    name = f".{path.name}{ending}"
    if len(os.fsencode(name)) > 255:
        name = f".{zlib.crc32(os.fsencode(path.name)):08x}{ending}"
    return path.with_name(name)


def _tidy(folder: Path) -> None:
    """Once for every folder: remove what killed processes of this machine left in it."""
    if folder in _TIDY:
        return
    _TIDY.add(folder)
    for name in os.listdir(folder):
        left = _LEFT.fullmatch(name)
        if left and not _is_running(int(left[1])):
            (folder / name).unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True
