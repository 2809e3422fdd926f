"""Before training: open the data, and on a fresh start compute what is computed once."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Evaluation
from darkroom.engine.folder import RunFolder
from darkroom.engine.run import InitialWeights, Run


def open_data(run: Run) -> tuple[Run, list[str]]:
    """Look up everything that a run reads; returns the run with the evaluations that are possible, and messages.

    Raises:
        DarkroomError: something that it requires is missing.
    """
    run.stream.open()
    run.validation.open()
    validation, unmeasured = _measurable(run.validation, "validated")
    if unmeasured and not validation.metrics:
        raise DarkroomError(f"the training cannot be validated: {'; '.join(unmeasured.values())}")
    for require in run.requires:
        require()
    evaluations, messages = open_evaluations(run.evaluations)
    return replace(run, validation=validation, evaluations=evaluations), [*run.remarks(), *unmeasured.values(), *messages]


def open_evaluations(evaluations: Sequence[Evaluation]) -> tuple[list[Evaluation], list[str]]:
    """Look up test sets; returns the evaluations that are possible, and messages about skipped test sets and metrics.

    Raises:
        DarkroomError: a test set that is not optional is missing.
    """
    possible: list[Evaluation] = []
    skipped: dict[str, str] = {}
    for evaluation in evaluations:
        try:
            evaluation.open()
        except DarkroomError as error:
            if not evaluation.optional:
                raise
            skipped[evaluation.name] = f"not evaluated on {evaluation.name}: {error}"
            continue
        measurable, unmeasured = _measurable(evaluation, "evaluated")
        possible.append(measurable)
        skipped |= unmeasured
    return possible, list(skipped.values())


def _measurable(evaluation: Evaluation, done: str) -> tuple[Evaluation, dict[str, str]]:
    """An evaluation, open, by those of its metrics whose weights are there, and messages about the others by their names."""
    sets = evaluation.compared_sets()
    missing = {m: reason for m in evaluation.metrics if (reason := m.missing() or m.undefined(sets))}
    messages = {metric.name: f"not {done} by {metric.title}: {reason}" for metric, reason in missing.items()}
    present = [metric for metric in evaluation.metrics if metric not in missing]
    return (evaluation.with_metrics(present) if missing else evaluation), messages


def prepare(run: Run, runs: Path) -> None:
    """What is done once, before the first step: the run's own preparation, and weights of another row.

    Args:
        run: open.
        runs: the folder that holds the runs.

    Raises:
        DarkroomError: the other row has not been trained, or its weights do not fit.
    """
    if run.prepare is not None:
        run.prepare()
    if run.initial is not None:
        _load(run.initial, runs)


def _load(initial: InitialWeights, runs: Path) -> None:
    file = RunFolder(runs / initial.recipe / initial.row).final
    command = f"darkroom train {initial.recipe} {initial.row}"
    if not file.exists() and initial.otherwise is not None:
        file = initial.otherwise
    if not file.exists():
        raise DarkroomError(
            f"this row starts from the final weights of {initial.recipe} {initial.row}, which are not at {file}: "
            f"train it first with `{command}`"
        )
    state, prefix = weights.load(file)[0], f"{initial.network}."
    own = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    try:
        initial.into.load_state_dict(own)
    except RuntimeError as error:
        raise DarkroomError(
            f"the weights of {initial.recipe} {initial.row} do not fit this network ({str(error).splitlines()[-1].strip()}): "
            "use the same width, depth and channels"
        ) from error
