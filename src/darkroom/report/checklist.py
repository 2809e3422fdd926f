"""The machine-learning reproducibility checklist (Pineau et al. 2020), filled from the records of runs."""

from collections.abc import Iterable

from darkroom.core.record import DataRecord, EvaluationRecord, MetricRecord, ValidationRecord
from darkroom.report.collect import Row
from darkroom.report.trained_run import TrainedRun
from darkroom.report.words import place, set_title, shortened, spell_settings

Item = tuple[str, str]
"""Question and answer."""

SHOWN = 20
"""Names of overlapping images that are listed."""


def checklist(row: Row) -> list[Item]:
    """Questions and answers for one row; every answer is taken from the records of its runs."""
    record = row.record
    parameters = "; ".join(f"{network}: {count:,} parameters" for network, count in record.parameters.items())
    return [
        ("Method and model", f"{record.title} {parameters}.".strip()),
        *_training_data(record.training),
        *(("Evaluation", _evaluation(evaluation)) for evaluation in record.evaluations),
        *(("Training images in the test set", _overlap(evaluation)) for evaluation in record.evaluations),
        *_validation(record.validation),
        ("Evaluated weights", _each("; ", (_evaluated(run) for run in row.runs))),
        ("Hyper-parameters", spell_settings(row.settings)),
        ("Differences from the recipe's row", spell_settings(row.changed) or "None."),
        ("Runs and seeds", f"{_counted(len(row.runs), 'run')}, seed{'s' * (len(row.runs) > 1)} {_each(', ', row.seeds)}."),
        ("Error bars", _error_bars(row)),
        *((f"Definition of {metric.title}", _definition(metric)) for metric in row.metrics().values()),
        ("Training time", ", ".join(_training_time(run) for run in row.runs)),
        ("Computing infrastructure", _each("; ", (_infrastructure(run) for run in row.runs))),
        ("Software", _each("; ", (", ".join(f"{k} {v}" for k, v in run.record.versions.items()) for run in row.runs))),
        ("Command", _each("; ", (shortened(run.record.command, 4000) for run in row.runs))),
    ]


def _training_data(training: DataRecord) -> list[Item]:
    drawn = f"{training.sample}; {training.samples_per_step} {training.unit} per step"
    return [
        ("Training data", f"{set_title(training.dataset)}, {_counted(training.count, 'image')}; {drawn}."),
        *([("Degradation in training", training.degradation)] if training.degradation else []),
        *([("Split", training.split)] if training.split else []),
        *(("Remark on the data", remark) for remark in training.remarks),
    ]


def _evaluation(evaluation: EvaluationRecord) -> str:
    return f"{_title(evaluation)}, {_counted(evaluation.count, evaluation.unit)}: {evaluation.protocol}."


def _title(evaluation: EvaluationRecord) -> str:
    return place(evaluation.dataset, evaluation.variant)


def _overlap(evaluation: EvaluationRecord) -> str:
    if evaluation.overlap is None:
        return f"{_title(evaluation)}: not checked."
    if not evaluation.overlap:
        return f"{_title(evaluation)}: no test image is among the training images, compared by content."
    names = ", ".join(evaluation.overlap[:SHOWN]) + (", …" if len(evaluation.overlap) > SHOWN else "")
    return f"{_title(evaluation)}: {len(evaluation.overlap)} of {evaluation.count} test images, compared by content: {names}."


def _validation(validation: ValidationRecord | None) -> list[Item]:
    if validation is None:
        return []
    images = f"{set_title(validation.dataset)}, {_counted(validation.count, 'image')}, by {validation.metric}"
    tested = [f"{count} of them in the test set {set_title(name)}" for name, count in validation.shared.items() if count]
    return [("Validation during training", f"{'; '.join([images, *tested])}. Used for {validation.use}.")]


def _evaluated(run: TrainedRun) -> str:
    ours = run.ours()
    return f"after step {ours[0].step:,}" if ours else "not evaluated yet"


def _error_bars(row: Row) -> str:
    if len(row.runs) == 1:
        return "None: one seed."
    return f"Standard deviation over {len(row.runs)} seeds, in the table of results."


def _definition(metric: MetricRecord) -> str:
    direction = "Higher is better." if metric.higher_is_better else "Lower is better."
    return f"{metric.definition.rstrip('.')}. {direction}"


def _training_time(run: TrainedRun) -> str:
    ours = run.ours()
    return f"{ours[0].training_seconds / 60:.1f} minutes" if ours else "not finished"


def _infrastructure(run: TrainedRun) -> str:
    record = run.record
    processes = f"{record.devices} process{'es' * (record.devices != 1)}"
    return f"{record.device}, {processes}, {_counted(record.threads, 'thread')}, precision {record.precision}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _each(separator: str, items: Iterable[object]) -> str:
    """Different items in their order, each once."""
    return separator.join(dict.fromkeys(map(str, items)))
