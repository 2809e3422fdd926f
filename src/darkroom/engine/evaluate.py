"""Evaluating: a method, a set of images, and protocols, to tidy numbers."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from darkroom.core.errors import about
from darkroom.core.images import to_float
from darkroom.core.method import Example, Predict, Walk
from darkroom.engine.run import Evaluation


@dataclass(frozen=True)
class Answer:
    """One evaluated image.

    Args:
        name: of the image.
        pair: question and truth, without batch dimension.
        prediction: the answer, without batch dimension.
        scores: value by metric name.
        seconds: the answer took, synchronised.
        trace: scores of the iterates before the answer and of the answer itself; empty if it was given at once.
    """

    name: str
    pair: Example
    prediction: Tensor
    scores: Mapping[str, float]
    seconds: float
    trace: Sequence[Mapping[str, float]] = ()


@dataclass(frozen=True)
class Result:
    """One evaluated number: the mean of a metric over a set.

    Args:
        method: "ours", or the name of a baseline or of a weights file.
        metric, dataset, variant: the column.
        value: mean over images.
        deviation: standard deviation over images.
        count: number of images.
        values: per image, in the set's order.
        seconds: median time of one answer.
        seed: of the degradation.
    """

    method: str
    metric: str
    dataset: str
    value: float
    deviation: float
    count: int
    seconds: float
    seed: int
    variant: dict[str, float | str] = field(default_factory=dict)
    values: list[float] = field(default_factory=list)

    def line(self) -> dict[str, object]:
        """As a line of `results.jsonl`, with what was variant as columns of its own."""
        columns = asdict(self)
        variant, values = columns.pop("variant"), columns.pop("values")
        return {**columns, **variant, "values": [round(value, 6) for value in values]}


def answers(predict: Predict | Walk, evaluation: Evaluation, device: torch.device) -> Iterator[Answer]:
    """Answer every image of a evaluation, one at a time, in evaluation precision.

    The degradation's generator is seeded anew before every question. A evaluation with several degradations asks each of every
    image. A walk's iterates are scored too, off the clock.
    """
    for name, image in zip(evaluation.images.names, evaluation.images, strict=True):
        degradations = evaluation.degradations(name)
        for number, degrade in enumerate(degradations, 1):
            with about(evaluation.images.files[name]):
                pair = degrade(to_float(image), torch.Generator().manual_seed(evaluation.seed))
                question = name if len(degradations) == 1 else f"{name} {number}"
                yield _answer(predict, evaluation, question, pair, device)


def _answer(predict: Predict | Walk, evaluation: Evaluation, name: str, pair: Example, device: torch.device) -> Answer:
    batch = Example(
        pair.input[None].to(device), pair.target[None].to(device), tuple(g[None].to(device) for g in pair.condition)
    )
    seconds, trace = 0.0, []
    with torch.inference_mode():
        begun = _clock(device)
        given = predict(batch)
        steps = iter([given]) if isinstance(given, Tensor) else given
        for prediction in steps:
            seconds += _clock(device) - begun
            trace.append({metric.name: metric.compute(prediction, batch.target).item() for metric in evaluation.metrics})
            begun = _clock(device)
    return Answer(name, pair, prediction[0].cpu(), trace[-1], seconds, trace if len(trace) > 1 else ())


def traced(evaluation: Evaluation, answered: list[Answer]) -> list[tuple[int, str, float]]:
    """The mean score after each step, of walks: `(step, name of metric, dataset and what was variant, value)`."""
    lengths = [len(answer.trace) for answer in answered]
    column = " ".join([evaluation.images.name, *spell_variant(evaluation.variant)])
    return [
        (step + 1, f"{metric.name}@{column}", statistics.fmean(answer.trace[step][metric.name] for answer in answered))
        for metric in evaluation.metrics
        for step in range(min(lengths))
    ]


def summarise(method: str, evaluation: Evaluation, answered: list[Answer]) -> list[Result]:
    """The mean of every metric over the evaluated images."""
    seconds = statistics.median(answer.seconds for answer in answered)
    results = []
    for metric in evaluation.metrics:
        values = [answer.scores[metric.name] for answer in answered]
        results.append(
            Result(
                method=method,
                metric=metric.name,
                dataset=evaluation.images.name,
                value=statistics.fmean(values),
                deviation=statistics.stdev(values) if len(values) > 1 else 0.0,
                count=len(values),
                seconds=seconds,
                seed=evaluation.seed,
                variant=dict(evaluation.variant),
                values=values,
            )
        )
    return results


def _clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
