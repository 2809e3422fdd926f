"""Judging: a method, a set of pictures, and protocols, to tidy numbers."""

import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from darkroom.core.errors import about
from darkroom.core.images import to_float
from darkroom.core.method import Pair, Predict
from darkroom.engine.run import Judge


@dataclass(frozen=True)
class Answer:
    """One judged picture.

    Args:
        name: of the picture.
        pair: question and truth, without batch dimension.
        prediction: the answer, without batch dimension.
        scores: value by metric name.
        seconds: the answer took, synchronised.
    """

    name: str
    pair: Pair
    prediction: Tensor
    scores: Mapping[str, float]
    seconds: float


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


def answers(predict: Predict, judge: Judge, device: torch.device) -> Iterator[Answer]:
    """Answer every picture of a judge, one at a time, in evaluation precision.

    The degradation's generator is seeded anew before every picture.
    """
    for name, picture in zip(judge.pictures.names, judge.pictures, strict=True):
        with about(judge.pictures.files[name]):
            pair = judge.degrade(to_float(picture), torch.Generator().manual_seed(judge.seed))
        batch = Pair(pair.source[None].to(device), pair.target[None].to(device), tuple(g[None].to(device) for g in pair.given))
        _synchronise(device)
        begun = time.perf_counter()
        with torch.inference_mode():
            prediction = predict(batch)
        _synchronise(device)
        seconds = time.perf_counter() - begun
        with about(judge.pictures.files[name]):
            scores = {metric.name: metric.compute(prediction, batch.target).item() for metric in judge.metrics}
        yield Answer(name, pair, prediction[0].cpu(), scores, seconds)


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


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
