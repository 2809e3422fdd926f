"""What a run records of itself, typed: one schema for writing, reading, and reporting."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from darkroom.core.typed_json import SCHEMA as SCHEMA
from darkroom.core.typed_json import from_json as from_json
from darkroom.core.typed_json import to_json as to_json

Variant = dict[str, float | str]
"""What tells apart evaluations on the same test set, for example `{"sigma": 25.0}`."""


@dataclass(frozen=True)
class MetricRecord:
    """A metric as it was used; see `core.metric.Metric`.

    `protocol` is, in words, what else its value depends on: the weights of a network that computes features, the numbers of images
    that are compared. Equal words, equal protocol; it is empty for metrics of single images.
    """

    title: str
    unit: str
    definition: str
    higher_is_better: bool
    digits: int
    tolerance: float
    relative_tolerance: float
    quality: str
    protocol: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.digits <= 15:
            raise ValueError(f"a metric has between 0 and 15 decimals, not {self.digits}")

    @property
    def heading(self) -> str:
        """Title and unit, the heading of a column."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def format(self, value: float, sign: str = "") -> str:
        """A value with the metric's decimals."""
        return f"{value:{sign}.{self.digits}f}"


@dataclass(frozen=True)
class DataRecord:
    """Training data.

    Args:
        dataset: its name.
        count: number of images.
        samples_per_step: over all processes.
        unit: what a sample is called, in the plural.
        sample: how a sample is drawn.
        degradation: what is done to it.
        split: how the test set is kept apart, if there is more to say than names.
        remarks: what a reader should know of the files.
    """

    dataset: str
    count: int
    samples_per_step: int
    sample: str
    degradation: str
    unit: str = "images"
    split: str = ""
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class EvaluationRecord:
    """An evaluation as it was done.

    Args:
        dataset: name of the test set.
        count: number of its examples.
        protocol: how inputs are made from it and what else a score depends on, in words; equal words, equal protocol.
        variant: what tells it apart from others on the same test set.
        metrics: by name.
        overlap: names of its images that are in the training data too; None where that was not checked.
        unit: what an example is, in the singular: times are seconds for one of them.
    """

    dataset: str
    count: int
    protocol: str
    variant: Variant
    metrics: dict[str, MetricRecord]
    overlap: list[str] | None = None
    unit: str = "image"


@dataclass(frozen=True)
class ValidationRecord:
    """The evaluation during training.

    Args:
        dataset, count: name and number of its images.
        metric: title of the metric that chooses the best weights so far.
        use: what its scores are used for, in words.
        shared: number of its images that are test images too, by test set; test sets that cannot be compared are left out.
    """

    dataset: str
    count: int
    metric: str
    use: str
    shared: dict[str, int]


@dataclass(frozen=True)
class Published:
    """A number as printed in a paper.

    Args:
        metric, dataset, variant: the column it belongs in.
        value: as printed.
        source: paper and table.
        method: whose number it is: "ours" for the row's own, the name of a baseline, or another method, which is then shown
            beside the measured ones.
        unknown: what its source does not say of the protocol, in words; with it, the number is shown and not compared.
    """

    metric: str
    dataset: str
    value: float
    source: str
    variant: Variant = field(default_factory=dict)
    method: str = "ours"
    unknown: str = ""


@dataclass(frozen=True)
class Study:
    """A question that several rows answer together: how far apart are two settings, and does a third one close the gap?

    Args:
        along: the name of a setting that is a number, the horizontal axis.
        between: the name of the setting that is compared.
        first, second: its two values; the gap is the first's score minus the second's.
    """

    along: str
    between: str
    first: str
    second: str


@dataclass(frozen=True)
class RunRecord:
    """`run.json`: everything that a report needs to know of a run but its scores.

    Args:
        recipe, row: their names.
        title: first line of the recipe's docstring.
        description: the rest of it.
        row_number: position of the row in its recipe.
        kind: of the weights; see `core.weights`.
        settings: every option of the recipe.
        changed: options that differ from the row as written.
        protocol_changes: those of them that change what a published number means, by the column's dataset.
        published: the numbers that the run is compared with.
        studies: those of the recipe.
        command: the command line.
        started: date and time, UTC, ISO 8601.
        device, devices, threads, precision: what it runs on.
        parameters: number of trained parameters by network.
        training: the training data.
        evaluations: in the order of the table.
        versions: of Darkroom and the libraries that change numbers.
        validation: the evaluation during training.
        task: of the recipe, in words.
        schema: version of this record.
    """

    recipe: str
    row: str
    title: str
    description: str
    row_number: int
    kind: str
    settings: dict[str, Any]
    changed: dict[str, Any]
    protocol_changes: dict[str, list[str]]
    published: list[Published]
    studies: list[Study]
    command: str
    started: str
    device: str
    devices: int
    threads: int
    precision: str
    parameters: dict[str, int]
    training: DataRecord
    evaluations: list[EvaluationRecord]
    versions: dict[str, str]
    validation: ValidationRecord | None = None
    task: str = ""
    schema: int = SCHEMA


@dataclass(frozen=True)
class Result:
    """A line of `results.jsonl`: the score of one method by one metric in one evaluation.

    Args:
        method: "ours", or the name of a baseline or of a weights file.
        metric, dataset, variant: the column.
        value: mean over the test set's examples, or the value for the whole set.
        deviation: standard deviation over the examples, where there is one value each.
        count: number of examples.
        seconds: median time of one prediction.
        seed: of the degradation.
        device: what it was measured on.
        step: of the evaluated weights; 0 for a baseline.
        training_seconds: time that training took; 0 for a baseline.
        values: of each example, in the set's order.
    """

    method: str
    metric: str
    dataset: str
    value: float
    deviation: float | None
    count: int
    seconds: float
    seed: int
    device: str
    variant: Variant = field(default_factory=dict)
    step: int = 0
    training_seconds: float = 0.0
    values: list[float] = field(default_factory=list)


def spell(variant: Mapping[str, float | str]) -> list[str]:
    """Each item of a variant as words.

    Example:
        >>> spell({"sigma": 25.0, "reduction": "bicubic"})
        ['sigma 25', 'reduction bicubic']
    """
    return [f"{key} {value:g}" if isinstance(value, float | int) else f"{key} {value}" for key, value in variant.items()]
