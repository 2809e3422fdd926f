"""Judging: a method, a set of pictures, and protocols, to tidy numbers."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from darkroom.core.errors import about
from darkroom.core.images import to_float
from darkroom.core.method import Pair, Predict, Walk
from darkroom.engine.run import Judge, spelled


@dataclass(frozen=True)
class Answer:
    """One judged picture.

    Args:
        name: of the picture.
        pair: question and truth, without batch dimension.
        prediction: the answer, without batch dimension.
        scores: value by metric name.
        seconds: the answer took, synchronised.
        trace: scores of the iterates before the answer and of the answer itself; empty if it was given at once.
    """

    name: str
    pair: Pair
    prediction: Tensor
    scores: Mapping[str, float]
    seconds: float
    trace: Sequence[Mapping[str, float]] = ()


@dataclass(frozen=True)
class Result:
    """One judged number: the mean of a metric over a set.

    Args:
        method: "ours", or the name of a baseline or of a weights file.
        metric, dataset, varied: the column.
        value: mean over pictures.
        deviation: standard deviation over pictures.
        count: number of pictures.
        values: per picture, in the set's order.
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
    varied: dict[str, float | str] = field(default_factory=dict)
    values: list[float] = field(default_factory=list)

    def line(self) -> dict[str, object]:
        """As a line of `results.jsonl`, with what was varied as columns of its own."""
        columns = asdict(self)
        varied, values = columns.pop("varied"), columns.pop("values")
        return {**columns, **varied, "values": [round(value, 6) for value in values]}


def answers(predict: Predict | Walk, judge: Judge, device: torch.device) -> Iterator[Answer]:
    """Answer every picture of a judge, one at a time, in evaluation precision.

    The degradation's generator is seeded anew before every question. A judge with several degradations asks each of every
    picture. A walk's iterates are scored too, off the clock.
    """
    for name, picture in zip(judge.pictures.names, judge.pictures, strict=True):
        degradations = judge.degradations(name)
        for number, degrade in enumerate(degradations, 1):
            with about(judge.pictures.files[name]):
                pair = degrade(to_float(picture), torch.Generator().manual_seed(judge.seed))
                question = name if len(degradations) == 1 else f"{name} {number}"
                yield _answer(predict, judge, question, pair, device)


def _answer(predict: Predict | Walk, judge: Judge, name: str, pair: Pair, device: torch.device) -> Answer:
    batch = Pair(pair.source[None].to(device), pair.target[None].to(device), tuple(g[None].to(device) for g in pair.given))
    seconds, trace = 0.0, []
    with torch.inference_mode():
        begun = _clock(device)
        given = predict(batch)
        steps = iter([given]) if isinstance(given, Tensor) else given
        for prediction in steps:
            seconds += _clock(device) - begun
            trace.append({metric.name: metric.compute(prediction, batch.target).item() for metric in judge.metrics})
            begun = _clock(device)
    return Answer(name, pair, prediction[0].cpu(), trace[-1], seconds, trace if len(trace) > 1 else ())


def traced(judge: Judge, answered: list[Answer]) -> list[tuple[int, str, float]]:
    """The mean score after each step, of walks: `(step, name of metric, dataset and what was varied, value)`."""
    lengths = [len(answer.trace) for answer in answered]
    column = " ".join([judge.pictures.name, *spelled(judge.varied)])
    return [
        (step + 1, f"{metric.name}@{column}", statistics.fmean(answer.trace[step][metric.name] for answer in answered))
        for metric in judge.metrics
        for step in range(min(lengths))
    ]


def summarise(method: str, judge: Judge, answered: list[Answer]) -> list[Result]:
    """The mean of every metric over the judged pictures."""
    seconds = statistics.median(answer.seconds for answer in answered)
    results = []
    for metric in judge.metrics:
        values = [answer.scores[metric.name] for answer in answered]
        results.append(
            Result(
                method=method,
                metric=metric.name,
                dataset=judge.pictures.name,
                value=statistics.fmean(values),
                deviation=statistics.stdev(values) if len(values) > 1 else 0.0,
                count=len(values),
                seconds=seconds,
                seed=judge.seed,
                varied=dict(judge.varied),
                values=values,
            )
        )
    return results


def _clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
