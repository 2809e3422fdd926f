"""Runs as a reader meets them: one row a setting, however many seeds it was run with."""

import statistics
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from darkroom.core.files import read_json_lines
from darkroom.engine.folder import RunFolder, runs_below
from darkroom.engine.run import Published
from darkroom.recipes import lookup

Column = tuple[str, str, tuple[tuple[str, float | str], ...]]
"""Dataset, metric, and what was variant."""

_FIXED = {
    "method",
    "metric",
    "dataset",
    "value",
    "deviation",
    "count",
    "seconds",
    "seconds_trained",
    "seed",
    "device",
    "step",
    "values",
}


@dataclass(frozen=True)
class Protocol:
    """What a run wrote down of a metric; the fields are those of `metrics.fidelity.Metric`."""

    title: str
    unit: str
    definition: str
    higher_is_better: bool
    about: str = "fidelity"

    @property
    def heading(self) -> str:
        """Title and unit, as a column's heading."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def format(self, value: float, sign: str = "") -> str:
        """A value with as many digits as the unit deserves."""
        return f"{value:{sign}.{2 if self.unit == 'dB' else 4}f}"


@dataclass(frozen=True)
class Cell:
    """One measured number, over the seeds there are.

    Args:
        value: mean over seeds of the mean over images.
        deviation: standard deviation over seeds, or None for one seed.
        count: images evaluated.
        seconds: median time of an answer.
        device: what it was measured on.
    """

    value: float
    deviation: float | None
    count: int
    seconds: float
    device: str


@dataclass(frozen=True)
class Row:
    """A row of a recipe as it was run: one folder a seed, same settings otherwise.

    `shared` are the changes that it has in common with all rows it stands beside.
    """

    recipe: str
    row: str
    folders: list[RunFolder]
    description: dict[str, Any]
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> dict[str, Any]:
        """Settings that differ from the row as written, the seed aside."""
        return {key: value for key, value in self.description["changed"].items() if key != "seed"}

    @property
    def title(self) -> str:
        """What tables call it: its name, and what was changed in it alone."""
        alone = spell_settings({key: value for key, value in self.changed.items() if key not in self.shared})
        return f"{self.recipe} {self.row}" + (f" ({alone})" if alone else "")

    @property
    def seeds(self) -> list[int]:
        """The seeds it was run with."""
        return [folder.read()["settings"].get("seed", 0) for folder in self.folders]

    @cached_property
    def cells(self) -> dict[str, dict[Column, Cell]]:
        """Measured numbers by method and column; ours first."""
        grouped: dict[str, dict[Column, list[dict[str, Any]]]] = {}
        for folder in self.folders:
            for line in folder.read_results():
                column = (line["dataset"], line["metric"], tuple(sorted((k, v) for k, v in line.items() if k not in _FIXED)))
                grouped.setdefault(line["method"], {}).setdefault(column, []).append(line)
        return {
            method: {column: _cell(lines) for column, lines in columns.items()}
            for method, columns in sorted(grouped.items(), key=lambda item: item[0] != "ours")
        }

    def published(self) -> list[tuple[Column, Published]]:
        """Published numbers that belong beside this row's, each with its column."""
        found = lookup.find(self.recipe).PUBLISHED.get(self.row, [])
        return [((p.dataset, p.metric, tuple(sorted(p.variant.items()))), p) for p in found]

    def protocols(self) -> dict[str, Protocol]:
        """The metrics that this row was evaluated by."""
        return {
            name: Protocol(**about)
            for evaluation in self.description["evaluated"]
            for name, about in evaluation["metrics"].items()
        }

    def curve(self, split: str, name: str) -> list[tuple[int, float]]:
        """A written number against the step, from the first seed."""
        return self._curves.get((split, name), [])

    def curves(self) -> list[tuple[str, str]]:
        """What was written as training went on: `(split, name)`."""
        return sorted(self._curves)

    @cached_property
    def _curves(self) -> dict[tuple[str, str], list[tuple[int, float]]]:
        found: dict[tuple[str, str], list[tuple[int, float]]] = {}
        for line in read_json_lines(self.folders[0].metrics):
            found.setdefault((line["split"], line["name"]), []).append((line["step"], line["value"]))
        return found


def rows_below(paths: list[Path]) -> list[Row]:
    """Every run below the given folders, those that differ only by their seed together.

    Raises:
        DarkroomError: there is no run.
    """
    grouped: dict[str, list[RunFolder]] = {}
    for path in paths:
        for folder in runs_below(path):
            description = folder.read()
            settings = {key: value for key, value in description["settings"].items() if key != "seed"}
            grouped.setdefault(repr((description["recipe"], description["row"], settings)), []).append(folder)
    rows = []
    for folders in grouped.values():
        description = folders[0].read()
        rows.append(Row(description["recipe"], description["row"], folders, description))
    rows.sort(key=_place)
    if len(rows) == 1:
        return rows
    first, *others = [row.changed for row in rows]
    shared = {key: value for key, value in first.items() if all(key in other and other[key] == value for other in others)}
    return [replace(row, shared=shared) for row in rows]


def _place(row: Row) -> tuple[str, int]:
    """Rows stand as in their recipe; one that the recipe has no more, at its end."""
    known = list(lookup.find(row.recipe).ROWS)
    return row.recipe, known.index(row.row) if row.row in known else len(known)


def spell_settings(settings: dict[str, Any]) -> str:
    """Settings as words, for example "batch=8, steps=1500"."""
    words = {key: "/".join(map(str, value)) if isinstance(value, list) else value for key, value in settings.items()}
    return ", ".join(f"{key}={value}" for key, value in words.items())


def _cell(lines: list[dict[str, Any]]) -> Cell:
    values = [line["value"] for line in lines]
    return Cell(
        value=statistics.fmean(values),
        deviation=statistics.stdev(values) if len(values) > 1 else None,
        count=lines[0]["count"],
        seconds=statistics.median(line["seconds"] for line in lines),
        device=lines[0]["device"],
    )
