"""What was restored into a folder: so that an interrupted job is resumed, and several processes share one."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from darkroom.core.paths import printable
from darkroom.engine.restore_files import RestoredFile

NAME = "restored"
"""Of the manifest's files: `restored.jsonl`, and `restored.3.jsonl` of the fourth of several processes."""


@dataclass(frozen=True)
class Entry:
    """A line of the manifest.

    Args:
        source: path of the input file.
        output: of the restored file.
        size, modified: of the input, in bytes and nanoseconds: a file that changed is restored again.
        made_by: digest of the weights and options.
        error: why it was not restored; empty if it was.
        remark: what of the file could not be kept.
    """

    source: str
    output: str
    size: int
    modified: int
    made_by: str
    error: str = ""
    remark: str = ""


class Manifest:
    """The manifest of an output folder.

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
        self.folder, self.made_by, self.process, self.processes = folder, made_by, process, processes
        self.path = folder / (f"{NAME}.{process}.jsonl" if processes > 1 else f"{NAME}.jsonl")

    def entries(self) -> dict[str, Entry]:
        """The latest entry of every output, from the files of all processes; damaged lines are passed over."""
        found: dict[str, Entry] = {}
        for path in sorted(self.folder.glob(f"{NAME}*.jsonl")):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    entry = Entry(**json.loads(line))
                except (ValueError, TypeError):
                    continue
                found[entry.output] = entry
        return found

    def pending(self, pairs: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
        """The files that this process has still to restore, of its share of the job."""
        done = self.entries()
        share = list(pairs)[self.process :: self.processes]
        return [(source, output) for source, output in share if not self._is_done(source, output, done)]

    def add(self, file: RestoredFile) -> None:
        """Enter what became of a file."""
        size, modified = _state(file.source)
        entry = Entry(
            printable(str(file.source)),
            printable(str(file.output)),
            size,
            modified,
            self.made_by,
            printable(file.error or ""),
            printable(file.remark),
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as lines:
            lines.write((json.dumps(asdict(entry), ensure_ascii=False) + "\n").encode())

    def _is_done(self, source: Path, output: Path, entries: Mapping[str, Entry]) -> bool:
        entry = entries.get(printable(str(output)))
        return (
            entry is not None
            and not entry.error
            and entry.made_by == self.made_by
            and (entry.size, entry.modified) == _state(source)
            and output.is_file()
        )


def digest(weights: Path | None, options: Mapping[str, Any]) -> str:
    """A digest of the content of a weights file and of options.

    Example:
        >>> digest(None, {"sigma": 15.0}) == digest(None, {"sigma": 25.0})
        False
    """
    made = hashlib.sha256(repr(sorted((name, str(value)) for name, value in options.items())).encode())
    if weights is not None:
        made.update(weights.read_bytes())
    return made.hexdigest()[:16]


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
