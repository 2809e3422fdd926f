"""Evaluation of the likelihood of test images under a generative model."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.averages import deviation, mean
from darkroom.core.dataset import Dataset
from darkroom.core.evaluation import Evaluation, Outcome, Predictor, Progress, no_progress
from darkroom.core.method import Method
from darkroom.core.metric import Accumulator, Metric, Score
from darkroom.core.randomness import generator
from darkroom.evaluations.batches import batches_of
from darkroom.evaluations.chosen import first
from darkroom.evaluations.scoring import Timer

BATCH = 32


@runtime_checkable
class HasLikelihood(Protocol):
    """A method with a density of images."""

    def bits_per_dimension(self, images: Tensor, generator: Any) -> Float[Tensor, " batch"]:
        """Bits for each value of 8-bit images in [0, 1], with one generator for each image."""


@dataclass(frozen=True)
class BitsPerDimension(Metric):
    """−log₂ p of each image over its number of values; the accumulator takes these numbers."""

    def accumulator(self, device: torch.device) -> Accumulator:
        return _Mean()


class _Mean:
    def __init__(self) -> None:
        self.values: list[float] = []

    def update(self, prediction: Any, target: Any) -> None:
        self.values += prediction.tolist()

    def compute(self) -> Score:
        return Score(mean(self.values), deviation(self.values), len(self.values), self.values)


bits_per_dimension = BitsPerDimension(
    "bits_per_dimension",
    "bits/dim",
    "bits",
    "negative log likelihood of 8-bit images with uniform dequantisation, by the probability-flow ODE (RK45, tolerances 1e-5) with "
    "Hutchinson's estimator (one vector of random signs for each image), divided by the number of values.",
    higher_is_better=False,
    digits=3,
    tolerance=0.02,
    quality="other",
)


class Likelihood(Evaluation):
    """Bits per dimension of the first test images.

    Args:
        images: the test set (targets), of one size.
        count: so many of them, at most.
        seed: of dequantisation and estimator; image i has generators of its own.
        optional: see `Evaluation`.
    """

    def __init__(self, images: Dataset, count: int, *, seed: int = 0, optional: bool = False) -> None:
        super().__init__(images.name, (bits_per_dimension,), seed=seed, optional=optional)
        self.images = first(images, count)

    def open(self) -> None:
        self.images.open()

    def __len__(self) -> int:
        return len(self.images)

    def protocol(self) -> str:
        return "likelihood of whole images"

    def digests(self) -> dict[str, str]:
        return self.images.digests()

    def predictor(self, method: Method) -> Predictor:
        if not isinstance(method, HasLikelihood):
            raise TypeError(f"{type(method).__name__} has no likelihood")
        return method.bits_per_dimension

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        accumulator, timer, done = bits_per_dimension.accumulator(device), Timer(device), 0
        for batch in batches_of(self.images, BATCH, device):
            generators = [generator(self.seed, "likelihood", done + number) for number in range(len(batch.target))]
            timer.start()
            accumulator.update(predictor(batch.target, generators), None)
            timer.stop()
            timer.finish(len(batch.target))
            done += len(batch.target)
            progress(done, len(self))
        return Outcome({bits_per_dimension.name: accumulator.compute()}, [], timer.median)
