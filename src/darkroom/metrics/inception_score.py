"""The inception score: how certain FID's Inception is of the class of each sample, and how uncertain of that of all."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.metric import ComparedSets, Score
from darkroom.core.record import MetricRecord
from darkroom.metrics.distribution import PREDICTIONS, DistributionAccumulator, DistributionMetric
from darkroom.metrics.feature_statistics import Gaussians
from darkroom.metrics.features import inception_features

SPLITS = 10
"""The score is the mean over so many parts of the samples."""


@dataclass(frozen=True)
class InceptionScore(DistributionMetric):
    """exp(E KL(p(y|x) ‖ p(y))) of generated images x, with Inception's probabilities of the 1008 classes y.

    The mean over ten parts of the samples, dealt out in turn. Reference images play no role.

    Source: Salimans et al. 2016, section 4. As in torch-fidelity, the logits are taken without their bias.
    """

    def accumulator(self, device: torch.device) -> DistributionAccumulator:
        return _Accumulator(self, device)

    def undefined(self, sets: ComparedSets) -> str:
        few = sets.predictions < SPLITS
        return f"{self.title} needs at least {SPLITS} samples; {sets.predictions} were generated" if few else ""

    def describe(self, sets: ComparedSets | None = None) -> MetricRecord:
        record = super().describe(sets)
        words = "" if sets is None else f"{self.features.protocol()}; {sets.predictions:,} predictions"
        return dataclasses.replace(record, protocol=words)


def inception_score(inception: Path | None = None) -> InceptionScore:
    """The inception score; the argument as for `metrics.distribution.fid`."""
    return InceptionScore(
        "inception_score",
        "IS",
        "",
        f"exp of the mean divergence of class probabilities by Inception v3 (1008 classes, without bias) from their mean, over {SPLITS} "
        "parts of the samples; images clipped and rounded to 8 bits; higher is better.",
        digits=2,
        quality="perception",
        features=inception_features(inception),
        statistic=Gaussians,
        kept="",
    )


class _Accumulator(DistributionAccumulator):
    """For each part of the samples: their number, Σ p, and Σ p log p."""

    def __init__(self, metric: DistributionMetric, device: torch.device) -> None:
        super().__init__(metric, device)
        self.parts = [Divergence() for _ in range(SPLITS)]

    def begin(self, references: str) -> bool:
        """No references are needed."""
        return True

    @torch.no_grad()
    def update(self, prediction: Tensor | None, target: Tensor | None) -> None:
        """Take in generated images."""
        if prediction is None or not len(prediction):
            return
        weight: Tensor = self.extractor.network.get_parameter("network.fc.weight")
        probabilities = (self.extractor(prediction) @ weight.double().T).softmax(1)
        for number, row in enumerate(probabilities, self.counts[PREDICTIONS]):
            self.parts[number % SPLITS].update(row[None])
        self.counts[PREDICTIONS] += len(prediction)

    def compute(self) -> Score:
        """The score; nan where an image was not finite.

        Raises:
            DarkroomError: there are fewer samples than parts.
        """
        if undefined := self.metric.undefined(ComparedSets(self.counts[PREDICTIONS], 0)):
            raise DarkroomError(undefined)
        scores = torch.stack([part.score() for part in self.parts])
        return Score(float(scores.mean()), None, self.counts[PREDICTIONS])


class Divergence:
    """exp(E KL(p(y|x) ‖ E p(y|x))) of the probabilities seen so far.

    Example:
        >>> part = Divergence()
        >>> part.update(torch.eye(4, dtype=torch.float64))  # certain of each, and all four classes equally often
        >>> round(part.score().item(), 6)
        4.0
    """

    def __init__(self) -> None:
        self.count, self.total, self.negative_entropy = 0, torch.zeros(()), torch.zeros(())

    def update(self, probabilities: Float[Tensor, "batch classes"]) -> None:
        """Take in the probabilities of some images."""
        self.count += len(probabilities)
        self.total = self.total + probabilities.sum(0)
        self.negative_entropy = self.negative_entropy + torch.special.xlogy(probabilities, probabilities).sum()

    def score(self) -> Float[Tensor, ""]:
        """exp((1/n) Σᵢ Σ_y pᵢ log pᵢ − Σ_y p̄ log p̄)."""
        mean = self.total / self.count
        return (self.negative_entropy / self.count - torch.special.xlogy(mean, mean).sum()).exp()
