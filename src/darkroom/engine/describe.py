"""The record of a run, made before training."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lightning_fabric import Fabric

from darkroom.core.evaluation import Evaluation
from darkroom.core.record import EvaluationRecord, Published, RunRecord, Study, ValidationRecord
from darkroom.core.versions import versions
from darkroom.engine.devices import device_name
from darkroom.engine.fit import count_parameters
from darkroom.engine.run import Run


@dataclass(frozen=True)
class RowDescription:
    """What a recipe says of one of its rows.

    Args:
        recipe, row: their names.
        docstring: of the recipe.
        row_number: position of the row.
        settings: every option.
        changed: those that differ from the row as written.
        protocol_changes: those of them that change what a published number means, by dataset.
        published: the numbers to compare with.
        studies: of the recipe.
        task: of the recipe, in words.
    """

    recipe: str
    row: str
    docstring: str
    row_number: int
    settings: Mapping[str, Any]
    changed: Mapping[str, Any] = field(default_factory=dict)
    protocol_changes: Mapping[str, list[str]] = field(default_factory=dict)
    published: Sequence[Published] = ()
    studies: Sequence[Study] = ()
    task: str = ""


def describe(run: Run, row: RowDescription, fabric: Fabric, *, command: str, precision: str, threads: int) -> RunRecord:
    """The record of a run whose data is open."""
    training_images = set(run.stream.digests().values())
    title, _, rest = row.docstring.strip().partition("\n")
    return RunRecord(
        recipe=row.recipe,
        row=row.row,
        title=title,
        description=rest.strip("\n"),
        row_number=row.row_number,
        kind=run.kind,
        settings=dict(row.settings),
        changed=dict(row.changed),
        protocol_changes=dict(row.protocol_changes),
        published=list(row.published),
        studies=list(row.studies),
        command=command,
        started=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        device=device_name(fabric.device),
        devices=fabric.world_size,
        threads=threads,
        precision=precision,
        parameters={name: count_parameters(network) for name, network in run.method.networks().items()},
        training=run.stream.describe(),
        evaluations=[_with_overlap(evaluation, training_images) for evaluation in run.evaluations],
        versions=versions(),
        validation=_validation(run.validation, run.evaluations),
        task=row.task,
    )


def _with_overlap(evaluation: Evaluation, training: set[str]) -> EvaluationRecord:
    """The record of an evaluation, with the names of test images whose digest is one of a training image too."""
    test = evaluation.digests()
    overlap = [name for name, digest in test.items() if digest in training] if training and test else None
    return replace(evaluation.describe(), overlap=overlap)


def _validation(validation: Evaluation, evaluations: Sequence[Evaluation]) -> ValidationRecord:
    """The record of the validation, with the number of its images whose content is in each test set too."""
    mine = set(validation.digests().values())
    tested = {evaluation.name: set(evaluation.digests().values()) for evaluation in evaluations}
    return ValidationRecord(
        dataset=validation.name,
        count=len(validation),
        metric=validation.metrics[0].title,
        use="curves, and the choice of best.safetensors; the weights that are evaluated are the last ones, not chosen by it",
        shared={name: len(mine & test) for name, test in tested.items() if mine and test},
    )
