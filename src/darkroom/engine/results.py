"""The final evaluation of a run: ours and the baselines, to `results.jsonl` and `previews/`."""

from collections.abc import Callable
from functools import partial

import torch

from darkroom.core.evaluation import Evaluation, Outcome
from darkroom.core.file_names import file_name
from darkroom.core.files import read_json_lines, write_json_lines
from darkroom.core.images import ImageFile, write
from darkroom.core.method import Method
from darkroom.core.record import Result, spell
from darkroom.engine.baselines import baseline_outcome
from darkroom.engine.devices import device_name
from darkroom.engine.fit import Training
from darkroom.engine.folder import RunFolder


def evaluate_final(
    training: Training,
    method: Method,
    folder: RunFolder,
    say: Callable[[str], None],
    progress: Callable[[str, int, int], None],
) -> None:
    """Evaluate the final weights and the baselines; evaluations that are done already are kept.

    Baselines come from their cache; what is not there yet is evaluated on the CPU.
    """
    results = folder.read_results()
    for evaluation in training.run.evaluations:
        for name in ("ours", *evaluation.baselines):
            if any(_same(result, name, evaluation) for result in results):
                continue
            say(f"evaluating {name} on {evaluation.title}")
            shown = partial(progress, f"{name}: {evaluation.title}")
            if name == "ours":
                outcome = evaluation.evaluate(evaluation.predictor(method), training.fabric.device, shown)
                made = (device_name(training.fabric.device), training.step, training.seconds)
            else:
                baseline = baseline_outcome(evaluation, name, evaluation.baselines[name], torch.device("cpu"), shown)
                outcome, made = baseline.outcome, (baseline.device, 0, 0.0)
            write_previews(folder, name, evaluation, outcome)
            results += results_of(name, evaluation, outcome, *made)
            folder.write_results(results)
            _write_curves(folder, evaluation, outcome)


def results_of(
    method: str, evaluation: Evaluation, outcome: Outcome, device: str, step: int = 0, training_seconds: float = 0.0
) -> list[Result]:
    """An outcome as lines of `results.jsonl`, one for each metric."""
    return [
        Result(
            method=method,
            metric=metric.name,
            dataset=evaluation.name,
            value=score.value,
            deviation=score.deviation,
            count=score.count,
            seconds=outcome.seconds,
            seed=evaluation.seed,
            device=device,
            variant=dict(evaluation.variant),
            step=step,
            training_seconds=training_seconds,
            values=[round(value, 6) for value in score.values],
        )
        for metric in evaluation.metrics
        for score in [outcome.scores[metric.name]]
    ]


def write_previews(folder: RunFolder, method: str, evaluation: Evaluation, outcome: Outcome) -> None:
    """Write the images to look at: `previews/<evaluation>/<example>/<role>.png`, the prediction under the method's name."""
    for preview in outcome.previews:
        place = folder.previews / file_name(evaluation.title) / file_name(preview.name)
        for role, image in preview.images.items():
            name = method if role == "prediction" else role
            write(place / f"{file_name(name)}.png", ImageFile(image))


def _write_curves(folder: RunFolder, evaluation: Evaluation, outcome: Outcome) -> None:
    """Scores against the steps of a solver, among the other curves; earlier ones of the same evaluation are replaced."""
    if not outcome.curves:
        return
    column = " ".join([evaluation.name, *spell(evaluation.variant)])
    new = [
        {"step": step, "split": "solver", "name": f"{metric}@{column}", "value": value}
        for metric, values in outcome.curves.items()
        for step, value in enumerate(values, 1)
    ]
    names = {line["name"] for line in new}
    old = [line for line in read_json_lines(folder.metrics) if line["split"] != "solver" or line["name"] not in names]
    write_json_lines(folder.metrics, [*old, *new])


def _same(result: Result, method: str, evaluation: Evaluation) -> bool:
    return (result.method, result.dataset, result.variant) == (method, evaluation.name, dict(evaluation.variant))
