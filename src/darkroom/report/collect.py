"""Runs read from their folders and grouped into rows: one row for equal settings, whatever the number of seeds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from darkroom.core.averages import deviation, mean
from darkroom.core.errors import DarkroomError
from darkroom.core.record import MetricRecord, Published, Result, RunRecord
from darkroom.engine.folder import runs_below
from darkroom.report.trained_run import Column, Curve, TrainedRun, read, undescribed, without_seed
from darkroom.report.words import presentable, spell_settings


@dataclass(frozen=True)
class Cell:
    """A measured number.

    Args:
        value: mean over seeds of the mean over examples.
        deviation: standard deviation over seeds; None for one seed, and where a value is infinite or nan.
        count: number of examples.
        seconds: median time of one prediction.
        device: what it was measured on.
    """

    value: float
    deviation: float | None
    count: int
    seconds: float
    device: str


@dataclass(frozen=True)
class Row:
    """A row of a recipe: runs with equal settings, one for every seed.

    Args:
        runs: at least one.
        shared: changes that it has in common with all rows of the same report; its title leaves them out.
    """

    runs: list[TrainedRun]
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def record(self) -> RunRecord:
        """The record of the first seed."""
        return self.runs[0].record

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return self.record.recipe

    @property
    def row(self) -> str:
        """Name of the row in the recipe."""
        return self.record.row

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting but the seed."""
        return self.runs[0].settings

    @property
    def changed(self) -> dict[str, Any]:
        """Settings that differ from the recipe's row, but the seed."""
        return without_seed(self.record.changed)

    @property
    def title(self) -> str:
        """Its name, and the changed settings that other rows of the report do not share."""
        alone = spell_settings({key: value for key, value in self.changed.items() if key not in self.shared})
        return f"{self.recipe} {self.row}" + (f" ({alone})" if alone else "")

    @property
    def seeds(self) -> list[int]:
        """The seeds of its runs."""
        return [run.seed for run in self.runs]

    @cached_property
    def cells(self) -> dict[str, dict[Column, Cell]]:
        """Measured numbers by method and column; the row's own method ("ours") first."""
        grouped: dict[str, dict[Column, list[Result]]] = {}
        for run in self.runs:
            for (method, column), result in run.by_column().items():
                grouped.setdefault(method, {}).setdefault(column, []).append(result)
        return {
            method: {column: _cell(results) for column, results in columns.items()}
            for method, columns in sorted(grouped.items(), key=lambda item: item[0] != "ours")
        }

    def published(self) -> list[tuple[Column, Published]]:
        """Published numbers to compare with, each with its column; those of columns that were not evaluated are left out."""
        columns = [(self.runs[0].column(p.dataset, p.metric, p.variant), p) for p in self.record.published]
        return [(column, published) for column, published in columns if column is not None]

    def metrics(self) -> dict[str, MetricRecord]:
        """The metrics of its evaluations, by name."""
        return {name: metric for evaluation in self.record.evaluations for name, metric in evaluation.metrics.items()}

    def units(self, dataset: str) -> list[str]:
        """What the examples of a test set are, for example "image"."""
        return [evaluation.unit for evaluation in self.record.evaluations if evaluation.dataset == dataset]

    def overlap(self, column: Column) -> list[str]:
        """Test images of a column's evaluation that are known to be training images, of any seed."""
        evaluations = [run.evaluation(column.dataset, dict(column.variant)) for run in self.runs]
        return sorted({name for evaluation in evaluations if evaluation is not None for name in evaluation.overlap or ()})

    def validated(self, dataset: str) -> int:
        """Number of a test set's images that were used for validation during training, as far as is recorded."""
        validations = [run.record.validation for run in self.runs]
        return max(validation.shared.get(dataset, 0) if validation is not None else 0 for validation in validations)

    def curve(self, split: str, name: str) -> Curve:
        """A logged number against the step, of the first seed."""
        return self.runs[0].curves.get((split, name), [])

    def curves(self) -> list[tuple[str, str]]:
        """What was logged during training: `(split, name)`."""
        return sorted(self.runs[0].curves)


def rows_below(paths: Sequence[Path]) -> tuple[list[Row], list[str]]:
    """Every run at or below the given folders, grouped into rows, in the order of their recipes.

    Returns:
        The rows, and one line for every file that could not be read; its run is left out.

    Raises:
        DarkroomError: there is no run, or none that can be read.
    """
    grouped: dict[str, list[TrainedRun]] = {}
    unreadable: list[str] = []
    for folder in {folder.path.resolve(): folder for path in paths for folder in runs_below(path)}.values():
        try:
            run = read(folder)
        except DarkroomError as error:
            unreadable.append(presentable(str(error)))
            continue
        unreadable += undescribed(run)
        key = repr((run.record.recipe, run.record.row, sorted(run.settings.items())))
        grouped.setdefault(key, []).append(run)
    if not grouped:
        others = f" (and {len(unreadable) - 1} more)" if len(unreadable) > 1 else ""
        raise DarkroomError(f"no run can be read: {unreadable[0]}{others}")
    rows = [Row(sorted(runs, key=lambda run: run.seed)) for runs in grouped.values()]
    rows.sort(key=lambda row: (row.recipe, row.record.row_number, bool(row.changed)))
    return _with_shared(rows), unreadable


def _with_shared(rows: list[Row]) -> list[Row]:
    if len(rows) == 1:
        return rows
    first, *others = [row.changed for row in rows]
    shared = {key: value for key, value in first.items() if all(key in other and other[key] == value for other in others)}
    return [replace(row, shared=shared) for row in rows]


def _cell(results: list[Result]) -> Cell:
    values = [result.value for result in results]
    return Cell(
        value=mean(values),
        deviation=deviation(values) if len(values) > 1 else None,
        count=results[0].count,
        seconds=statistics.median(result.seconds for result in results),
        device=results[0].device,
    )
