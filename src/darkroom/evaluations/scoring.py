"""Predictions to scores: timing, metrics, and the scores of every iterate of an iterative method."""

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from darkroom.core.metric import Accumulator, Metric, Score
from darkroom.evaluations.references import begin


class Timer:
    """Seconds of predictions, synchronised with the device; what happens between `start` and `stop` is counted.

    Example:
        >>> timer = Timer(torch.device("cpu"))
        >>> timer.start(); timer.stop(); timer.finish(examples=2)
        >>> timer.median >= 0
        True
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: list[float] = []
        self._running = self._begun = 0.0

    def start(self) -> None:
        """Begin to count."""
        self._begun = self._now()

    def stop(self) -> None:
        """Stop counting; another `start` continues the same prediction."""
        self._running += self._now() - self._begun

    def finish(self, examples: int) -> None:
        """The prediction of a batch is complete: its time is divided among its examples."""
        self.seconds += [self._running / examples] * examples
        self._running = 0.0

    @property
    def median(self) -> float:
        """Median seconds of one example."""
        return statistics.median(self.seconds) if self.seconds else 0.0

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class Scorer:
    """Scores of the final predictions; and, of an iterative method, the mean scores after each iterate.

    Args:
        metrics: the protocols.
        device: of the predictions.
    """

    def __init__(self, metrics: Sequence[Metric], device: torch.device) -> None:
        self.metrics, self.device, self.timer = metrics, device, Timer(device)
        self._final = self._accumulators()
        self._iterates: list[dict[str, Accumulator]] = []
        self._shortest: int | None = None

    def begin(self, references: str) -> None:
        """Say by a digest which targets will follow, so that metrics of whole sets look them up in their cache."""
        begin(self._final.values(), references)

    def update(self, predictions: Tensor | Iterable[Tensor], target: Tensor) -> Tensor:
        """Score the prediction of a batch, or the sequence of its iterates; return the last one.

        The timer has been started when the predictor was called. Iterates are scored off the clock.
        """
        last, count = None, 0
        for prediction in self._timed(predictions):
            if last is not None:
                self._update_iterate(count - 1, last, target)
            last, count = prediction, count + 1
        if last is None:
            raise ValueError("the predictor yielded no prediction")
        self.timer.finish(len(target))
        if count > 1:
            self._update_iterate(count - 1, last, target)
        lengths = (count if count > 1 else 0, self._shortest)
        self._shortest = min(length for length in lengths if length is not None)
        for accumulator in self._final.values():
            accumulator.update(last, target)
        return last

    def scores(self) -> dict[str, Score]:
        """The score of each metric, by its name."""
        return {name: accumulator.compute() for name, accumulator in self._final.items()}

    def curves(self) -> dict[str, list[float]]:
        """By the metric's name, the mean score after each iterate that all examples have; empty if one was predicted at once."""
        iterates = self._iterates[: self._shortest or 0]
        return {metric.name: [after[metric.name].compute().value for after in iterates] for metric in self.metrics if iterates}

    def _timed(self, predictions: Tensor | Iterable[Tensor]) -> Iterator[Tensor]:
        for prediction in [predictions] if isinstance(predictions, Tensor) else predictions:
            self.timer.stop()
            yield prediction
            self.timer.start()

    def _update_iterate(self, number: int, prediction: Tensor, target: Tensor) -> None:
        if number == len(self._iterates):
            self._iterates.append(self._accumulators())
        for accumulator in self._iterates[number].values():
            accumulator.update(prediction, target)

    def _accumulators(self) -> dict[str, Accumulator]:
        return {metric.name: metric.accumulator(self.device) for metric in self.metrics}
