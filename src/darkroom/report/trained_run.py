"""One run as its folder describes it: record, results and curves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from darkroom.core.errors import DarkroomError
from darkroom.core.files import read_json, read_json_lines
from darkroom.core.record import EvaluationRecord, Result, RunRecord, Variant, from_json, spell
from darkroom.engine.folder import RunFolder
from darkroom.report.words import place, presentable, shortened

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
        return without_seed(self.record.settings)

    @property
    def seed(self) -> int:
        """The seed of the run; 0 for a recipe without one."""
        return int(self.record.settings.get("seed", 0))

    def ours(self) -> list[Result]:
        """The results of the run's own method."""
        return [result for result in self.results if result.method == "ours"]

    def by_column(self) -> dict[tuple[str, Column], Result]:
        """Results by method and column; of several for one cell, the last. Times have a column for each device."""
        columns = [(self.column(result.dataset, result.metric, result.variant), result) for result in self.results]
        return {(result.method, self._on_device(column, result)): result for column, result in columns if column is not None}

    def _on_device(self, column: Column, result: Result) -> Column:
        evaluation = self.evaluation(column.dataset, dict(column.variant))
        timed = evaluation is not None and evaluation.metrics[column.metric].quality == "time"
        return column._replace(compared=f"on {result.device}") if timed else column

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


def read(folder: RunFolder) -> TrainedRun:
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
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
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


def undescribed(run: TrainedRun) -> list[str]:
    """A line about results that the run's record does not describe: they cannot be formatted or compared."""
    missing = {
        f"{result.metric} on {', '.join([result.dataset, *spell(result.variant)])}"
        for result in run.results
        if run.column(result.dataset, result.metric, result.variant) is None
    }
    words = "; ".join(sorted(missing))
    line = f"{run.folder.results}: left out {shortened(words)}: not described in {run.folder.description.name}"
    return [presentable(line)] if missing else []


def evaluation_title(evaluation: EvaluationRecord) -> str:
    """Test set and variant, for example "bsd68, sigma 25"; equal to the title of the evaluation itself."""
    return ", ".join([evaluation.dataset, *spell(evaluation.variant)])


def without_seed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting but the seed."""
    return {key: value for key, value in settings.items() if key != "seed"}
