"""Runs read from their folders and grouped into rows: one row for equal settings, whatever the number of seeds."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from darkroom.core.averages import deviation, mean
from darkroom.core.errors import DarkroomError
from darkroom.core.files import read_json, read_json_lines
from darkroom.core.record import EvaluationRecord, MetricRecord, Published, Result, RunRecord, Variant, from_json, spell
from darkroom.engine.folder import RunFolder, runs_below
from darkroom.report.words import place, presentable, shortened, spell_settings

Curve = list[tuple[int, float]]
"""A logged number against the step."""

_LONGEST_NAME, _LARGEST_STEP = 255, 10**12


class Column(NamedTuple):
    """A column of the results: what was measured, on which test set, in which variant, by which protocol.

    Numbers are in one column only if all of this is equal: `protocol` is in the evaluation's words; `compared` in the metric's own,
    of a network that computes features, its weights, and the sets of images.
    """

    dataset: str
    metric: str
    variant: tuple[tuple[str, float | str], ...] = ()
    protocol: str = ""
    compared: str = ""

    @property
    def place(self) -> str:
        """Test set and variant, for example "BSD68, σ = 25"."""
        return place(self.dataset, dict(self.variant))


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
class TrainedRun:
    """What one run's folder holds.

    Args:
        folder: the run's files.
        record: of `run.json`.
        results: of `results.jsonl`; empty while training has not finished.
        curves: of `metrics.jsonl`, by split and name.
    """

    folder: RunFolder
    record: RunRecord
    results: list[Result]
    curves: dict[tuple[str, str], Curve]

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting but the seed."""
        return _without_seed(self.record.settings)

    @property
    def seed(self) -> int:
        """The seed of the run; 0 for a recipe without one."""
        return int(self.record.settings.get("seed", 0))

    def ours(self) -> list[Result]:
        """The results of the run's own method."""
        return [result for result in self.results if result.method == "ours"]

    def by_column(self) -> dict[tuple[str, Column], Result]:
        """Results by method and column; of several for one cell, the last."""
        columns = [(self.column(result.dataset, result.metric, result.variant), result) for result in self.results]
        return {(result.method, column): result for column, result in columns if column is not None}

    def evaluation(self, dataset: str, variant: Variant) -> EvaluationRecord | None:
        """The evaluation on a test set in a variant, if there was one."""
        matching = (e for e in self.record.evaluations if e.dataset == dataset and e.variant == variant)
        return next(matching, None)

    def column(self, dataset: str, metric: str, variant: Variant) -> Column | None:
        """The column of a number, if the run's record describes it."""
        evaluation = self.evaluation(dataset, variant)
        if evaluation is None or metric not in evaluation.metrics:
            return None
        compared = evaluation.metrics[metric].protocol
        return Column(dataset, metric, tuple(sorted(variant.items())), evaluation.protocol, compared)


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
        return _without_seed(self.record.changed)

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
            run = _read(folder)
        except DarkroomError as error:
            unreadable.append(str(error))
            continue
        unreadable += _undescribed(run)
        key = repr((run.record.recipe, run.record.row, sorted(run.settings.items())))
        grouped.setdefault(key, []).append(run)
    if not grouped:
        others = f" (and {len(unreadable) - 1} more)" if len(unreadable) > 1 else ""
        raise DarkroomError(f"no run can be read: {unreadable[0]}{others}")
    rows = [Row(sorted(runs, key=lambda run: run.seed)) for runs in grouped.values()]
    rows.sort(key=lambda row: (row.recipe, row.record.row_number, bool(row.changed)))
    return _with_shared(rows), unreadable


def evaluation_title(evaluation: EvaluationRecord) -> str:
    """Test set and variant, for example "bsd68, sigma 25"; equal to the title of the evaluation itself."""
    return ", ".join([evaluation.dataset, *spell(evaluation.variant)])


def _without_seed(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "seed"}


def _with_shared(rows: list[Row]) -> list[Row]:
    if len(rows) == 1:
        return rows
    first, *others = [row.changed for row in rows]
    shared = {key: value for key, value in first.items() if all(key in other and other[key] == value for other in others)}
    return [replace(row, shared=shared) for row in rows]


def _read(folder: RunFolder) -> TrainedRun:
    """Read a run's files; every text in them as a page can show it.

    Raises:
        DarkroomError: one of them cannot be read; it is named.
    """
    file = folder.description
    try:
        record = from_json(RunRecord, presentable(read_json(file)), file)
        _check(record)
        file = folder.results
        results = [from_json(Result, presentable(line), file) for line in read_json_lines(file)]
        file = folder.metrics
        curves: dict[tuple[str, str], Curve] = {}
        for line in presentable(read_json_lines(file)):
            curves.setdefault((line["split"], line["name"]), []).append((_step(line["step"]), float(line["value"])))
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise DarkroomError(f"{file} cannot be read: {type(error).__name__}: {error}") from error
    return TrainedRun(folder, record, results, curves)


def _check(record: RunRecord) -> None:
    """Raise a `ValueError` about what no run has: names that are no names of folders, and seeds that are no numbers."""
    for words, name in (("recipe", record.recipe), ("row", record.row)):
        if not 0 < len(name) <= _LONGEST_NAME or "\n" in name:
            raise ValueError(f"the {words}'s name is {shortened(repr(name), 60)}, of {len(name)} characters")
    if not isinstance(record.settings.get("seed", 0), int):
        raise ValueError(f"the seed is {shortened(repr(record.settings['seed']), 60)}")


def _step(value: int) -> int:
    if not 0 <= value <= _LARGEST_STEP:
        raise ValueError(f"the step is {value}")
    return int(value)


def _undescribed(run: TrainedRun) -> list[str]:
    """A line about results that the run's record does not describe: they cannot be formatted or compared."""
    missing = {
        f"{result.metric} on {', '.join([result.dataset, *spell(result.variant)])}"
        for result in run.results
        if run.column(result.dataset, result.metric, result.variant) is None
    }
    words = "; ".join(sorted(missing))
    return [f"{run.folder.results}: left out {words}: not described in {run.folder.description.name}"] if missing else []


def _cell(results: list[Result]) -> Cell:
    values = [result.value for result in results]
    return Cell(
        value=mean(values),
        deviation=deviation(values) if len(values) > 1 else None,
        count=results[0].count,
        seconds=statistics.median(result.seconds for result in results),
        device=results[0].device,
    )
