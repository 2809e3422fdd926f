"""The ledger: a CSV file with one line for every published table cell that was measured."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from darkroom.core.errors import DarkroomError
from darkroom.core.files import write_text


@dataclass(frozen=True)
class Entry:
    """A measured cell of a published table.

    The fields up to `changed` identify the cell and the settings; the others hold the measurement.
    """

    recipe: str
    row: str
    method: str
    metric: str
    dataset: str
    count: str
    variant: str
    changed: str
    published: str
    source: str
    measured: str
    deviation: str
    seeds: str
    device: str
    date: str
    code: str
    verdict: str


_KEY = ("recipe", "row", "method", "metric", "dataset", "count", "variant", "changed")


def read(path: Path) -> list[Entry]:
    """The ledger's lines; none if the file is empty or does not exist.

    Raises:
        DarkroomError: it cannot be read, or has other columns.
    """
    if not path.exists() or not path.stat().st_size:
        return []
    columns = [field.name for field in fields(Entry)]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if list(reader.fieldnames or ()) != columns:
                raise DarkroomError(f"{path} is not a ledger: its first line should be {','.join(columns)}")
            return [Entry(**{name: line[name] or "" for name in columns}) for line in reader]
    except (OSError, UnicodeError, csv.Error) as error:
        raise DarkroomError(f"{path} cannot be read as a ledger: {error}") from error


def enter(path: Path, new: Sequence[Entry]) -> None:
    """Add lines to the ledger; a cell that was measured before with the same settings is replaced.

    Raises:
        DarkroomError: the file is not a ledger, or cannot be written.
    """
    lines = {_key(entry): entry for entry in [*read(path), *new]}
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Entry)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(entry) for entry in lines.values())
    write_text(path, text.getvalue())


def _key(entry: Entry) -> tuple[str, ...]:
    return tuple(getattr(entry, name) for name in _KEY)
