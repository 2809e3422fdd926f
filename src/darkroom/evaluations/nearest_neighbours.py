"""Evaluation of features without training: an image has the classes of its nearest neighbours."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import interpolate, normalize, one_hot

from darkroom.core.dataset import Dataset, float_example
from darkroom.core.evaluation import PREVIEWS, Outcome, Predictor, Preview, Progress, no_progress
from darkroom.core.metric import Metric
from darkroom.core.record import Variant
from darkroom.evaluations.batches import batches_of
from darkroom.evaluations.classification import class_names
from darkroom.evaluations.features import FeatureEvaluation
from darkroom.evaluations.grid import grid

SHOWN = 8
"""Neighbours of an image in a preview."""

SIDE = 62
"""Of each image in a preview."""


class NearestNeighbours(FeatureEvaluation):
    """Features are scored by their k nearest neighbours: similar ones vote for their classes.

    The score of class c is Σ exp(cos(f, f_i) / 0.07) over those of the k training images with the greatest
    cosine that are of class c. Previews are test images, each followed by its nearest training images.

    Args:
        train: the labelled images among which neighbours are looked for; their features are kept in memory.
        test: the test set, of the same classes.
        neighbours: k.
        metrics, variant, baselines, seed, optional, batch_size: see `FeatureEvaluation`.

    Source: Wu, Xiong, Yu, Lin 2018, section 3.4.
    """

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        metrics: Sequence[Metric],
        *,
        neighbours: int = 20,
        variant: Variant | None = None,
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
        batch_size: int = 64,
    ) -> None:
        super().__init__(
            train, test, metrics, variant=variant, baselines=baselines, seed=seed, optional=optional, batch_size=batch_size
        )
        self.neighbours = neighbours

    def protocol(self) -> str:
        return f"features by their {self.neighbours} nearest neighbours in {self.train.name}, weights exp(cosine / 0.07)"

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        features, labels, total = list[Tensor](), list[Tensor](), len(self.train) + len(self)
        with torch.inference_mode():
            for batch in batches_of(self.train, self.batch_size, device):
                features.append(normalize(predictor(batch.input).float(), dim=1))
                labels.append(batch.target)
                progress(sum(map(len, labels)), total)
        bank, classes = torch.cat(features), one_hot(torch.cat(labels), len(class_names(self.train))).float()
        nearest: list[Tensor] = []

        def logits(images: Tensor) -> Tensor:
            found, votes = vote(normalize(predictor(images).float(), dim=1), bank, classes, self.neighbours)
            nearest.append(found[:, :SHOWN].cpu())
            return votes

        outcome = super().evaluate(logits, device, lambda done, _: progress(len(self.train) + done, total))
        return Outcome(outcome.scores, self._previews(torch.cat(nearest)), outcome.seconds)

    def _previews(self, nearest: Int[Tensor, "image neighbour"]) -> list[Preview]:
        """Evenly spaced test images and their neighbours."""
        shown = range(0, len(self), max(1, -(-len(self) // PREVIEWS)))
        return [
            Preview(
                self.images.names[number],
                {
                    "input": _small(self.images, number),
                    "prediction": grid([_small(self.train, other) for other in nearest[number].tolist()]),
                },
            )
            for number in shown
        ]


def vote(
    queries: Float[Tensor, "query features"],
    bank: Float[Tensor, "image features"],
    classes: Float[Tensor, "image class"],
    neighbours: int,
) -> tuple[Int[Tensor, "query neighbour"], Float[Tensor, "query class"]]:
    """The nearest images of each query by cosine, nearest first, and the votes for each class.

    Args:
        queries, bank: of norm 1.
        classes: one-hot.
        neighbours: at most so many.
    """
    similarity, nearest = (queries @ bank.T).topk(min(neighbours, len(bank)), 1)
    weights = ((similarity - 1) / 0.07).exp()  # the factor exp(1 / 0.07) changes no comparison
    return nearest, (weights[:, :, None] * classes[nearest]).sum(1)


def _small(images: Dataset, number: int) -> Tensor:
    """An image to look at, RGB, `SIDE` pixels a side."""
    image = float_example(images.example(number)).input
    return interpolate(image[None], (SIDE, SIDE), mode="bilinear", antialias=True)[0].expand(3, -1, -1).cpu()
