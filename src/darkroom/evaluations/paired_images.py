"""Evaluation on images with a ground truth: restoration, translation, rendering."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from darkroom.core.crops import centre_crops
from darkroom.core.dataset import Dataset, float_example
from darkroom.core.errors import about
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
from darkroom.core.images import to_float
from darkroom.core.method import Example, Method
from darkroom.core.metric import ComparedSets, Metric
from darkroom.core.record import Variant
from darkroom.data.palettes import coloured, distinct
from darkroom.evaluations import chosen
from darkroom.evaluations.batches import collate, grouped, shapes
from darkroom.evaluations.digests import digest_of
from darkroom.evaluations.references import file_format
from darkroom.evaluations.scoring import Scorer
from darkroom.metrics.distribution import DistributionMetric

Degradation = Callable[[Tensor, torch.Generator], Example]
"""Makes an example of an image `(channel, height, width)` in [0, 1]; its string states how."""

Self = TypeVar("Self", bound="PairedImages")


@dataclass(frozen=True)
class _Numbered:
    """An example of the test set: its name, the file it was made of, and its content."""

    name: str
    file: object
    example: Example


class PairedImages(Evaluation):
    """Predictions are compared with target images.

    A predictor takes a batch (an `Example` with a batch dimension) and returns the prediction `(batch, channel, height, width)`,
    or an iterator over improving ones, whose last is the prediction: then the mean score after each is in `Outcome.curves`.

    Args:
        images: the test set.
        degradation: makes the example of an image; its random numbers are seeded with `seed` anew for every example. None takes
            examples as the dataset has them: files in pairs.
        metrics, variant, baselines, seed, optional: see `Evaluation`.
        batch_size: images of equal size are predicted together, at most so many.

    Example:
        >>> from darkroom.data.embedded import embedded
        >>> from darkroom.metrics.fidelity import psnr
        >>> from darkroom.operators.noise import Gaussian, NoisyPair
        >>> evaluation = PairedImages(embedded("heldout").first(1), NoisyPair(Gaussian(25.0)), [psnr], variant={"sigma": 25.0})
        >>> outcome = evaluation.evaluate(lambda batch: batch.input, torch.device("cpu"))
        >>> evaluation.title, round(outcome.scores["psnr"].value, 1)
        ('embedded-heldout, sigma 25', 20.9)
    """

    def __init__(
        self,
        images: Dataset,
        degradation: Degradation | None,
        metrics: Sequence[Metric],
        *,
        variant: Variant | None = None,
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
        batch_size: int = 1,
    ) -> None:
        super().__init__(images.name, metrics, variant=variant, baselines=baselines, seed=seed, optional=optional)
        self.images, self.degradation, self.batch_size = images, degradation, batch_size

    def degradations(self, name: str) -> Sequence[Degradation | None]:
        """Those of the image of a name: each makes an example of it."""
        return (self.degradation,)

    def preview(self, name: str, example: Example, prediction: Tensor) -> Preview:
        """What is shown of an example, without batch dimension; label maps in the colours of the dataset's palette."""
        palette = getattr(self.images, "palette", ())
        shown = (
            x if x.is_floating_point() else to_float(coloured(x, palette or distinct(int(x.max()) + 1)))
            for x in (example.input, prediction, example.target)
        )
        images = centre_crops(*shown, side=PREVIEW_SIDE)
        return Preview(name, dict(zip(("input", "prediction", "target"), images, strict=True)))

    def open(self) -> None:
        self.images.open()

    def __len__(self) -> int:
        return sum(len(self.degradations(name)) for name in self.images.names)

    def protocol(self) -> str:
        degradation = "inputs as the test set has them" if self.degradation is None else str(self.degradation)
        return f"grey images; {degradation}" if getattr(self.images, "grey", False) else degradation

    def predictor(self, method: Method) -> Predictor:
        return method.iterates

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        scorer, previews, done, total = Scorer(self.metrics, device), list[Preview](), 0, len(self)
        if any(isinstance(metric, DistributionMetric) for metric in self.metrics):
            scorer.begin(self.with_metrics(()).fingerprint())
        with torch.inference_mode():
            for batch in grouped(self._examples(), lambda item: shapes(item.example), self.batch_size):
                with about(batch[0].file):
                    together = collate([item.example for item in batch], device)
                    scorer.timer.start()
                    prediction = scorer.update(predictor(together), together.target)
                for item, image in zip(batch[: PREVIEWS - len(previews)], prediction, strict=False):
                    previews.append(self.preview(item.name, item.example, image.cpu()))
                done += len(batch)
                progress(done, total)
        return Outcome(scorer.scores(), previews, scorer.timer.median, scorer.curves())

    def first(self: Self, count: int) -> Self:
        """The same on the first `count` images, without baselines: for validation."""
        return self._on(chosen.first(self.images, count))

    def subset(self: Self, count: int) -> Self:
        """The same on at most `count` images, evenly spaced, without baselines: for validation."""
        return self._on(chosen.evenly_spaced(self.images, count))

    def only(self: Self, index: int) -> Self:
        """The same on one image, without baselines."""
        return self._on(chosen.only(self.images, index))

    def compared_sets(self) -> ComparedSets:
        return ComparedSets(len(self), len(self), file_format(self.images))

    def digests(self) -> dict[str, str]:
        return self.images.digests()

    def fingerprint(self) -> str:
        """As for every evaluation, and of the examples made of the first image: degradations may read files of their own."""
        described = super().fingerprint()
        if not described:
            return ""
        made = [item.example for item in self._examples_of(0, self.images.names[0])]
        return digest_of(described, *(tensor for x in made for tensor in (x.input, x.target, *x.condition)))

    def _on(self: Self, images: Dataset) -> Self:
        other = copy.copy(self)
        other.images, other.baselines = images, {}
        return other

    def _examples(self) -> Iterator[_Numbered]:
        return (item for index, name in enumerate(self.images.names) for item in self._examples_of(index, name))

    def _examples_of(self, index: int, name: str) -> Iterator[_Numbered]:
        file = getattr(self.images, "files", {}).get(name, name)
        example = float_example(self.images.example(index))
        degradations = self.degradations(name)
        for number, degradation in enumerate(degradations, 1):
            with about(file):
                made = degradation(example.target, torch.Generator().manual_seed(self.seed)) if degradation else example
            yield _Numbered(name if len(degradations) == 1 else f"{name} {number}", file, made)


class SeveralDegradations(PairedImages):
    """Predictions are compared with target images, each of which is degraded in several ways, for example by several kernels.

    The examples of an image are named with a number, "<image> 1", "<image> 2", and so on.

    Args:
        images: the test set.
        several: the degradations by the name of the image; its string states them.
        metrics, variant, baselines, seed, optional, batch_size: see `PairedImages`.

    Example:
        >>> from darkroom.data.embedded import embedded
        >>> from darkroom.metrics.fidelity import l1
        >>> darker = lambda name: [lambda image, random, c=c: Example(c * image, image) for c in (0.5, 0.25)]
        >>> evaluation = SeveralDegradations(embedded("heldout").first(1), darker, [l1])
        >>> len(evaluation), [preview.name for preview in evaluation.evaluate(lambda x: x.input, torch.device("cpu")).previews]
        (2, ['astronaut 1', 'astronaut 2'])
    """

    def __init__(
        self,
        images: Dataset,
        several: Callable[[str], Sequence[Degradation]],
        metrics: Sequence[Metric],
        *,
        variant: Variant | None = None,
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
        batch_size: int = 1,
    ) -> None:
        super().__init__(
            images,
            None,
            metrics,
            variant=variant,
            baselines=baselines,
            seed=seed,
            optional=optional,
            batch_size=batch_size,
        )
        self.several = several

    def degradations(self, name: str) -> Sequence[Degradation | None]:
        return self.several(name)

    def protocol(self) -> str:
        return str(self.several)
