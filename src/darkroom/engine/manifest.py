"""What was restored into a folder: so that an interrupted job is resumed, and several processes share one."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.core.paths import printable
from darkroom.engine.restore_files import RestoredFile
from darkroom.engine.shared_lines import SharedLine, SharedLines

NAME = "restored"
"""Of the manifest's files: `restored.jsonl`, and until the end `restored.3.jsonl` of the fourth of several processes."""


@dataclass(frozen=True)
class Entry(SharedLine):
    """A line of the manifest, made by the weights and options.

    Args:
        output: of the restored file, below the folder.
        source: path of the input file.
        size, modified: of the input, in bytes and nanoseconds.
        digest: of the input's content.
        error: why it was not restored; empty if it was.
        remark: what of the file could not be kept.
    """

    output: str
    source: str
    size: int
    modified: int
    digest: str
    error: str = ""
    remark: str = ""


class Manifest:
    """The manifest of an output folder. Every process writes a file of its own; the last one to finish joins them.

    A file is done if it was restored without an error by the same weights and options, from the same content, and the output is there;
    outputs are never there in part.

    Args:
        folder: the output folder.
        made_by: what identifies weights and options; see `digest`.
        process: number of this process, from 0.
        processes: number of processes that share the job.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     photo, clean = Path(folder, "photo.png"), Path(folder, "clean.png")
        ...     _ = photo.write_bytes(b"1"), clean.write_bytes(b"2")
        ...     manifest = Manifest(Path(folder), "weights")
        ...     manifest.add(RestoredFile(photo, clean))
        ...     manifest.pending([(photo, clean)]), len(Manifest(Path(folder), "other weights").pending([(photo, clean)]))
        ([], 1)
    """

    def __init__(self, folder: Path, made_by: str, process: int = 0, processes: int = 1) -> None:
        self.folder, self.made_by = folder, made_by
        self.lines = SharedLines(folder, NAME, Entry, lambda entry: entry.output, process, processes)

    def pending(self, pairs: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
        """The files among these that are not done."""
        entries = self.entries()
        return [(source, output) for source, output in pairs if not self._is_done(source, output, entries)]

    def add(self, file: RestoredFile) -> None:
        """Enter what became of a file."""
        size, modified = _state(file.source)
        self.lines.add(
            Entry(
                output=self._name(file.output),
                source=printable(str(file.source.absolute())),
                size=size,
                modified=modified,
                digest=_content(file.source),
                made_by=self.made_by,
                error=printable(file.error or ""),
                remark=printable(file.remark),
            )
        )

    def join(self, pairs: Sequence[tuple[Path, Path]]) -> Path | None:
        """Put the files of all processes together, if every file of the job is entered; the manifest's path, or None if not.

        Each process calls it at its end. Where two do so at the same time they write the same content.
        """
        return self.lines.join([(self._name(output), self.made_by) for _, output in pairs])

    def entries(self) -> dict[str, Entry]:
        """The latest entry of every output, from the files of all processes; damaged lines are passed over."""
        return self.lines.latest()

    def _name(self, output: Path) -> str:
        return printable(os.path.relpath(output.absolute(), self.folder.absolute()))

    def _is_done(self, source: Path, output: Path, entries: Mapping[str, Entry]) -> bool:
        entry = entries.get(self._name(output))
        if entry is None or entry.error or entry.made_by != self.made_by or not output.is_file():
            return False
        return (entry.size, entry.modified) == _state(source) or entry.digest == _content(source)


def digest(files: Iterable[Path], options: Mapping[str, Any]) -> str:
    """A digest of the content of weights files and of options.

    Example:
        >>> digest([], {"sigma": 15.0}) == digest([], {"sigma": 25.0})
        False
    """
    made = hashlib.blake2b(repr(sorted((name, str(value)) for name, value in options.items())).encode(), digest_size=12)
    for file in files:
        made.update(_content(file).encode())
    return made.hexdigest()


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _content(path: Path) -> str:
    made = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                made.update(block)
    except OSError:
        return ""
    return made.hexdigest()
