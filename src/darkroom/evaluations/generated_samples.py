"""Evaluation of generators: the distribution of samples against that of images."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any

import torch
from torch import Tensor

from darkroom.core.dataset import Dataset, float_example
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Evaluation, Outcome, Predictor, Preview, Progress, no_progress
from darkroom.core.method import Method
from darkroom.core.metric import ComparedSets, Metric
from darkroom.core.randomness import generator
from darkroom.core.record import Variant
from darkroom.evaluations.batches import grouped
from darkroom.evaluations.digests import digest_of
from darkroom.evaluations.grid import columns, grid
from darkroom.evaluations.references import begin, file_format
from darkroom.evaluations.scoring import Timer
from darkroom.metrics.distribution import DistributionMetric


class GeneratedSamples(Evaluation):
    """Samples are compared with reference images as two sets, by metrics such as FID; neither set is kept.

    A predictor is called with the number of samples of a batch and a generator on the CPU, and returns the samples
    `(count, channel, height, width)` in [0, 1]. That of a method is its `sample`.

    Statistics of the reference images are computed once and kept in the cache.

    Args:
        images: the reference images (targets of the dataset).
        count: number of samples. With another number than 50,000, a distance of distributions has another name: "fid" becomes
            "fid_small_1000".
        metrics: updated with `(samples, images)`, of which either may be None; see `metrics.distribution`.
        batch_size: samples, and reference images of equal size, that are taken together.
        variant, baselines, seed, optional: see `Evaluation`.

    Example:
        >>> from darkroom.data.embedded import embedded
        >>> from darkroom.metrics.distribution import frechet_distance
        >>> from darkroom.metrics.features import Features
        >>> mean = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        >>> colour = Features("mean colours", lambda: mean, resizer="averaged")
        >>> metric = frechet_distance(colour, "frechet_colour", "Fréchet distance of mean colours")
        >>> evaluation = GeneratedSamples(embedded("heldout"), 10, [metric])
        >>> noise = lambda count, random: torch.rand(count, 3, 8, 8, generator=random)
        >>> outcome = evaluation.evaluate(noise, torch.device("cpu"))
        >>> outcome.scores["frechet_colour_small_10"].count, list(outcome.previews[0].images)
        (10, ['prediction', 'target'])
    """

    unit = "sample"

    def __init__(
        self,
        images: Dataset,
        count: int,
        metrics: Sequence[Metric],
        *,
        variant: Variant | None = None,
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
        batch_size: int = 64,
    ) -> None:
        if count < 1:
            raise DarkroomError(f"{count} samples cannot be evaluated; at least 1 is needed")
        named = [metric.of_samples(count) if isinstance(metric, DistributionMetric) else metric for metric in metrics]
        super().__init__(images.name, named, variant=variant, baselines=baselines, seed=seed, optional=optional)
        self.images, self.count, self.batch_size = images, count, batch_size

    def open(self) -> None:
        self.images.open()

    def __len__(self) -> int:
        return self.count

    def protocol(self) -> str:
        return f"{self.count} samples against the test set's images"

    def predictor(self, method: Method) -> Predictor:
        sampling: Any = method
        return sampling.sample

    def compared_sets(self) -> ComparedSets:
        return ComparedSets(self.count, len(self.images), file_format(self.images))

    def digests(self) -> dict[str, str]:
        return self.images.digests()

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        accumulators = {metric.name: metric.accumulator(device) for metric in self.metrics}
        shown: dict[str, list[Tensor]] = {"prediction": [], "target": []}
        timer, done = Timer(device), 0
        known = begin(accumulators.values(), self._digest_of_references())
        with torch.inference_mode():
            references = islice(self._references(), 1) if known else self._references()  # one batch, for the preview
            for samples, images in zip_longest(self._samples(predictor, timer), references):
                both = tuple(None if batch is None else batch.to(device) for batch in (samples, images))
                for accumulator in accumulators.values():
                    accumulator.update(*both)
                for kept, batch in zip(shown.values(), both, strict=True):
                    _keep(kept, batch)
                done += 0 if samples is None else len(samples)
                progress(done, self.count)
        scores = {name: accumulator.compute() for name, accumulator in accumulators.items()}
        grids = {role: grid(images) for role, images in shown.items() if images}
        return Outcome(scores, [Preview("samples", grids)], timer.median)

    def _samples(self, predictor: Predictor, timer: Timer) -> Iterator[Tensor]:
        for start in range(0, self.count, self.batch_size):
            number = min(self.batch_size, self.count - start)
            timer.start()
            samples = predictor(number, generator(self.seed, "samples", start))
            timer.stop()
            timer.finish(number)
            if len(samples) != number:
                raise DarkroomError(f"the generator returned {len(samples)} samples where {number} were requested")
            yield samples

    def _digest_of_references(self) -> str:
        """A digest of the content of all reference images, "" where it cannot be determined."""
        digests = self.images.digests()
        return digest_of(json.dumps(list(digests.values()))) if digests else ""

    def _references(self) -> Iterator[Tensor]:
        images = (float_example(self.images.example(index)).target for index in range(len(self.images)))
        return (torch.stack(batch) for batch in grouped(images, lambda image: image.shape, self.batch_size))


def real_images(dataset: Dataset) -> Predictor:
    """Images of a dataset in place of samples: as a baseline, what a perfect generator would score with so many samples.

    They are drawn at random and with repetition; take the training images where the test images are the reference.

    Example:
        >>> from darkroom.data.embedded import embedded
        >>> tuple(real_images(embedded("heldout"))(1, torch.Generator().manual_seed(0)).shape)[:2]
        (1, 3)
    """

    def draw(count: int, random: torch.Generator) -> Tensor:
        dataset.open()
        chosen = torch.randint(len(dataset), (count,), generator=random).tolist()
        return torch.stack([float_example(dataset.example(index)).target for index in chosen])

    return draw


def _keep(kept: list[Tensor], batch: Tensor | None) -> None:
    """Keep as many images as a grid shows, of the first one's shape."""
    if batch is None:
        return
    shape = kept[0].shape if kept else batch.shape[1:]
    missing = columns(shape[2]) ** 2 - len(kept)
    kept += [image.cpu().clone() for image in batch[: max(missing, 0)] if image.shape == shape]
