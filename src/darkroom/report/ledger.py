"""The ledger: every published table cell that was ever measured, one line each."""

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from darkroom.core.files import write_text


@dataclass(frozen=True)
class Entry:
    """One measured cell of a published table; the first eight fields say which, the rest what came out."""

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
    """The ledger's lines; an absent ledger is empty."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [Entry(**line) for line in csv.DictReader(file)]


def enter(path: Path, new: list[Entry]) -> None:
    """Write lines into the ledger; a cell measured again under the same settings replaces its older line."""
    lines = {_key(entry): entry for entry in [*read(path), *new]}
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Entry)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(entry) for entry in lines.values())
    write_text(path, text.getvalue())


def _key(entry: Entry) -> tuple[str, ...]:
    return tuple(getattr(entry, name) for name in _KEY)
