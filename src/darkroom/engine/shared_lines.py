"""Lines of JSON that several processes write together, without communication: each its own file, joined at the end."""

import json
import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from darkroom.core.files import json_text, write_json_lines


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


@dataclass(frozen=True, kw_only=True)
class SharedLine:
    """A line about something that is done.

    Args:
        made_by: digest of what it was done with.
        finished: when, as ISO 8601.
    """

    made_by: str
    finished: str = field(default_factory=_now)


Line = TypeVar("Line", bound=SharedLine)


class SharedLines(Generic[Line]):
    """`<name>.jsonl` in a folder, and until every process has finished `<name>.3.jsonl` of the fourth of them.

    Args:
        folder: that holds the files.
        name: of the files.
        kind: of the lines.
        key: what a line is about; of several lines about one thing the latest counts.
        process: number of this process, from 0.
        processes: number of processes that share the job.
    """

    def __init__(
        self, folder: Path, name: str, kind: type[Line], key: Callable[[Line], str], process: int = 0, processes: int = 1
    ) -> None:
        self.folder, self.name, self.kind, self.key = folder, name, kind, key
        self.path = folder / (f"{name}.{process}.jsonl" if processes > 1 else f"{name}.jsonl")

    def add(self, line: Line) -> None:
        """Write a line into the file of this process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as lines:
            lines.write(_line_end(lines) + json_text(asdict(line)).encode() + b"\n")

    def latest(self) -> dict[str, Line]:
        """The latest line about each thing, from the files of all processes; damaged lines are passed over."""
        found: dict[str, Line] = {}
        for line in self._read():
            key = self.key(line)
            if key not in found or line.finished >= found[key].finished:
                found[key] = line
        return found

    def join(self, wanted: Collection[tuple[str, str]]) -> Path | None:
        """Put the files of all processes together, if there is a line about every wanted thing; the path, or None if not.

        Each process calls it at its end. Where two do so at the same time they write the same content.

        Args:
            wanted: things, and what their lines have to be made by.
        """
        lines = self.latest()
        if any(key not in lines or lines[key].made_by != made_by for key, made_by in wanted):
            return None
        joined = self.folder / f"{self.name}.jsonl"
        write_json_lines(joined, [asdict(lines[key]) for key in sorted(lines)])
        for path in self._files():
            if path != joined:
                path.unlink(missing_ok=True)
        return joined

    def _files(self) -> list[Path]:
        of_processes = sorted(self.folder.glob(f"{self.name}.*.jsonl"))  # first: once they are gone, the joined file is there
        return sorted(self.folder.glob(f"{self.name}.jsonl")) + of_processes

    def _read(self) -> list[Line]:
        while True:
            with suppress(FileNotFoundError):  # another process has just joined the files: list and read them again
                return [line for path in self._files() for line in self._lines(path)]

    def _lines(self, path: Path) -> Iterable[Line]:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, TypeError):
                yield self.kind(**json.loads(line))


def _line_end(lines: Any) -> bytes:
    """What ends the line of a process that was killed while it wrote."""
    if not lines.tell():
        return b""
    lines.seek(-1, os.SEEK_END)
    return b"" if lines.read(1) == b"\n" else b"\n"
