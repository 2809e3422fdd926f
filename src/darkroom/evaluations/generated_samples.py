"""Evaluation of generators: the distribution of samples against that of images."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from darkroom.core.dataset import Dataset, float_example
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Evaluation, Outcome, Predictor, Preview, Progress, no_progress
from darkroom.core.method import Method
from darkroom.core.metric import Metric
from darkroom.core.randomness import generator
from darkroom.core.record import Variant
from darkroom.evaluations.batches import grouped
from darkroom.evaluations.grid import columns, grid
from darkroom.evaluations.scoring import Timer


class GeneratedSamples(Evaluation):
    """Samples are compared with reference images as two sets, by metrics such as FID; neither set is kept.

    A predictor is called with the number of samples of a batch and a generator on the CPU, and returns the samples
    `(count, channel, height, width)` in [0, 1]. That of a method is its `sample`.

    Args:
        images: the reference images (targets of the dataset).
        count: number of samples.
        metrics: updated with `(samples, images)`, of which either may be None; see `metrics.distribution`.
        batch_size: samples, and reference images of equal size, that are taken together.
        variant, baselines, seed, optional: see `Evaluation`.

    Example:
        >>> from darkroom.data.embedded import embedded
        >>> from darkroom.metrics.distribution import Features, frechet_distance
        >>> colour = Features("mean colours", lambda: torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
        >>> metric = frechet_distance(colour, "frechet_colour", "Fréchet distance of mean colours")
        >>> evaluation = GeneratedSamples(embedded("heldout"), 10, [metric])
        >>> noise = lambda count, random: torch.rand(count, 3, 8, 8, generator=random)
        >>> outcome = evaluation.evaluate(noise, torch.device("cpu"))
        >>> outcome.scores["frechet_colour"].count, list(outcome.previews[0].images)
        (10, ['prediction', 'target'])
    """

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
        super().__init__(images.name, metrics, variant=variant, baselines=baselines, seed=seed, optional=optional)
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

    def digests(self) -> dict[str, str]:
        return self.images.digests()

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        accumulators = {metric.name: metric.accumulator(device) for metric in self.metrics}
        shown: dict[str, list[Tensor]] = {"prediction": [], "target": []}
        timer, done = Timer(device), 0
        with torch.inference_mode():
            for samples, images in zip_longest(self._samples(predictor, timer), self._references()):
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

    def _references(self) -> Iterator[Tensor]:
        images = (float_example(self.images.example(index)).target for index in range(len(self.images)))
        return (torch.stack(batch) for batch in grouped(images, lambda image: image.shape, self.batch_size))


def _keep(kept: list[Tensor], batch: Tensor | None) -> None:
    """Keep as many images as a grid shows, of the first one's shape."""
    if batch is None:
        return
    shape = kept[0].shape if kept else batch.shape[1:]
    missing = columns(shape[2]) ** 2 - len(kept)
    kept += [image.cpu().clone() for image in batch[: max(missing, 0)] if image.shape == shape]
