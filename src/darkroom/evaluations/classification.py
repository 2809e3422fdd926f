"""Evaluation of classifiers."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from darkroom.core.crops import centre_crops
from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import (
    PREVIEW_SIDE,
    PREVIEWS,
    Evaluation,
    Outcome,
    Predictor,
    Preview,
    Progress,
    no_progress,
)
from darkroom.core.method import Example, Method
from darkroom.core.metric import Metric
from darkroom.core.record import Variant
from darkroom.evaluations.batches import batches_of
from darkroom.evaluations.confusion_image import confusion_image
from darkroom.evaluations.digests import digest_of
from darkroom.evaluations.scoring import Timer


class Classification(Evaluation):
    """Predicted classes are compared with labels.

    A predictor takes images `(batch, channel, height, width)` in [0, 1] and returns logits `(batch, classes)`. That of a method
    is its `predict`, without labels.

    Previews are the confusion matrix and the first misclassified images.

    Args:
        images: the test set: its targets are numbers of classes, int64 `()`, and its `classes` their names in that order; for
            example `data.labelled_images.LabelledImages`.
        metrics: updated with `(logits, labels)`; see `metrics.classification`.
        batch_size: images of equal size are classified together, at most so many.
        training: how the classifier was trained, in words, where scores are compared under one training alone.
        variant, baselines, seed, optional: see `Evaluation`.
    """

    def __init__(
        self,
        images: Dataset,
        metrics: Sequence[Metric],
        *,
        variant: Variant | None = None,
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
        batch_size: int = 64,
        training: str = "",
    ) -> None:
        super().__init__(images.name, metrics, variant=variant, baselines=baselines, seed=seed, optional=optional)
        self.images, self.batch_size, self.training = images, batch_size, training

    def open(self) -> None:
        self.images.open()

    def __len__(self) -> int:
        return len(self.images)

    def protocol(self) -> str:
        return f"classification of whole images{self.training and f' after training by {self.training}'}"

    def predictor(self, method: Method) -> Predictor:
        def classify(images: Tensor) -> Tensor:
            return method.predict(Example(images, torch.zeros(len(images), dtype=torch.long, device=images.device)))

        return classify

    def digests(self) -> dict[str, str]:
        return self.images.digests()

    def fingerprint(self) -> str:
        """As for every evaluation, and of the labels."""
        described = super().fingerprint()
        return described and labels_digest(described, self.images)

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        accumulators = {metric.name: metric.accumulator(device) for metric in self.metrics}
        classes, timer, done = class_names(self.images), Timer(device), 0
        confusion = _Confusion(self.images.names, classes)
        with torch.inference_mode():
            for batch in batches_of(self.images, self.batch_size, device):
                timer.start()
                logits = predictor(batch.input)
                timer.stop()
                timer.finish(len(logits))
                if logits.shape[1] != len(classes):
                    raise DarkroomError(f"the classifier has {logits.shape[1]} classes, and {self.name} has {len(classes)}")
                for accumulator in accumulators.values():
                    accumulator.update(logits, batch.target)
                confusion.update(logits.argmax(1).cpu(), batch, done)
                done += len(logits)
                progress(done, len(self))
        scores = {name: accumulator.compute() for name, accumulator in accumulators.items()}
        return Outcome(scores, confusion.previews(), timer.median)


def class_names(images: Dataset) -> Sequence[str]:
    """Names of the classes of a labelled dataset, in the order of their numbers."""
    labelled: Any = images
    return tuple(labelled.classes)


def labels_digest(words: str, images: Dataset) -> str:
    """A digest of words and of the labels of a dataset."""
    labels = [images.example(index).target for index in range(len(images))]
    return digest_of("/".join([words, *class_names(images)]), torch.stack(labels))


class _Confusion:
    """The confusion matrix of a test set, and the first misclassified images."""

    def __init__(self, names: Sequence[str], classes: Sequence[str]) -> None:
        self.names, self.classes = names, classes
        self.matrix = torch.zeros(len(classes), len(classes), dtype=torch.long)
        self.mistakes: list[Preview] = []

    def update(self, predicted: Tensor, batch: Example, start: int) -> None:
        """Take in a batch whose first image has the number `start`."""
        labels, count = batch.target.cpu(), len(self.classes)
        self.matrix += torch.bincount(labels * count + predicted, minlength=count * count).view(count, count)
        for number in (predicted != labels).nonzero()[:, 0].tolist()[: PREVIEWS - 1 - len(self.mistakes)]:
            true, wrong = self.classes[int(labels[number])], self.classes[int(predicted[number])]
            (image,) = centre_crops(batch.input[number].cpu(), side=PREVIEW_SIDE)
            self.mistakes.append(Preview(f"{self.names[start + number]}, {true} as {wrong}", {"prediction": image}))

    def previews(self) -> list[Preview]:
        """The matrix, then the mistakes."""
        return [Preview("confusion matrix", {"prediction": confusion_image(self.matrix, self.classes)}), *self.mistakes]
