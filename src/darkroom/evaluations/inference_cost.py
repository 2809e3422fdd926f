"""What a prediction costs at a stated size: time, multiply-adds, parameters."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from darkroom.core.cost import multiply_adds, parameters
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Evaluation, Outcome, Predictor, Progress, no_progress
from darkroom.core.method import Example, Method
from darkroom.core.randomness import generator
from darkroom.evaluations.batches import collate
from darkroom.evaluations.scoring import Timer
from darkroom.metrics.cost import giga_multiply_adds, million_parameters, milliseconds

WARM_UP, REPEATS = 2, 9
"""Predictions that are not counted, and those whose median is taken."""


@dataclass(frozen=True)
class InferenceTime:
    """What `inference_time` measured.

    Args:
        times: seconds of each prediction.
        multiply_adds: of one prediction.
    """

    times: tuple[float, ...]
    multiply_adds: int

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(self.times)


def inference_time(
    predict: Callable[[], object], device: torch.device, *, warm_up: int = WARM_UP, repeats: int = REPEATS
) -> InferenceTime:
    """Seconds and multiply-adds of a prediction, as the median after a warm-up, synchronised with the device.

    The first of the predictions that are not counted is the one whose multiply-adds are counted.

    Args:
        predict: makes one prediction.
        device: that it computes on.
        warm_up: predictions that are not counted, at least 1.
        repeats: predictions that are timed.

    Example:
        >>> network, x = nn.Conv2d(3, 8, 3), torch.rand(1, 3, 12, 12)
        >>> found = inference_time(lambda: network(x), torch.device("cpu"))
        >>> found.multiply_adds, len(found.times), found.seconds > 0
        (21600, 9, True)
    """
    if warm_up < 1 or repeats < 1:
        raise DarkroomError(f"{warm_up} predictions to warm up and {repeats} to time: both must be at least 1")
    timer = Timer(device)
    with torch.inference_mode():
        counted = multiply_adds(predict)
        for number in range(warm_up - 1 + repeats):
            timer.start()
            predict()
            timer.stop()
            timer.finish(1)
            if number < warm_up - 1:
                timer.seconds.clear()
    return InferenceTime(tuple(timer.seconds), counted)


class InferenceCost(Evaluation):
    """Time, multiply-adds and parameters of one prediction, batch 1, on a random input of a stated size.

    A predictor is a module with `predict(batch)`, or that is called with the batch's input and conditions; its parameters are
    counted. That of a method predicts by `method.predict`, and the parameters are those of one of its networks.

    Args:
        example: makes an example of the size, without batch dimension, from a generator.
        size: height and width, as they are named in tables.
        network: the name of the method's network that predicts.
        baselines, seed: see `Evaluation`.

    Example:
        >>> noise = lambda random: Example(torch.rand(3, 16, 24, generator=random), torch.zeros(3, 16, 24))
        >>> evaluation = InferenceCost(noise, (16, 24))
        >>> outcome = evaluation.evaluate(nn.Conv2d(3, 3, 5, padding=2), torch.device("cpu"))
        >>> evaluation.title, round(outcome.scores["million_parameters"].value * 1e6)
        ('inference, size 16x24', 228)
    """

    unit = "prediction"

    def __init__(
        self,
        example: Callable[[torch.Generator], Example],
        size: tuple[int, int],
        *,
        network: str = "network",
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
    ) -> None:
        metrics = (milliseconds, giga_multiply_adds, million_parameters)
        super().__init__("inference", metrics, variant={"size": "x".join(map(str, size))}, baselines=baselines, seed=seed)
        self.example, self.network = example, network

    def open(self) -> None:
        """Nothing has to be looked up."""

    def __len__(self) -> int:
        return 1

    def protocol(self) -> str:
        return f"batch 1, random input, float32; time: median of {REPEATS} predictions after {WARM_UP}"

    def predictor(self, method: Method) -> Predictor:
        return _OfMethod(method, method.networks()[self.network])

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        batch = collate([self.example(generator(self.seed, "inference"))], device)
        network = predictor.network if isinstance(predictor, _OfMethod) else predictor.to(device).eval()
        predict = getattr(predictor, "predict", None) or (lambda batch: predictor(batch.input, *batch.condition))
        found = inference_time(lambda: predict(batch), device)
        progress(1, 1)
        values = {
            milliseconds.name: [1000 * seconds for seconds in found.times],
            giga_multiply_adds.name: [found.multiply_adds / 1e9],
            million_parameters.name: [parameters(network) / 1e6],
        }
        scores = {}
        for metric in self.metrics:
            accumulator = metric.accumulator(device)
            for value in values[metric.name]:
                accumulator.update(value, None)
            scores[metric.name] = accumulator.compute()
        return Outcome(scores, [], found.seconds)


@dataclass(frozen=True)
class _OfMethod:
    """A method, and the network of it that predicts."""

    method: Method
    network: nn.Module

    def predict(self, batch: Example) -> object:
        return self.method.predict(batch)
