"""Protocols of blind deblurring: synthetic camera shake, the GoPro test set, and Köhler's benchmark."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from darkroom.core.evaluation import Predictor
from darkroom.core.method import Example
from darkroom.core.metric import Metric
from darkroom.core.record import Variant
from darkroom.data.gopro import gopro
from darkroom.data.koehler import Koehler
from darkroom.data.named_sets import evaluation_images, training_images
from darkroom.data.shaken import DrawnForEachImage
from darkroom.data.streams import PatchStream
from darkroom.evaluations.paired_images import PairedImages, SeveralDegradations
from darkroom.evaluations.trajectory_frames import TrajectoryFrames
from darkroom.metrics.best_frame import best_frame_psnr, best_frame_ssim
from darkroom.metrics.distribution import random_frechet_distance
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.operators.shaken import ShakenPair
from darkroom.recipes.options import DataOptions

METRICS = (psnr, ssim)


def blurred_input(batch: Example) -> Tensor:
    """The blurred image itself."""
    return batch.input


BASELINES: Mapping[str, Predictor] = {"blurred input": blurred_input}


def synthetic(
    test_set: str,
    pair: ShakenPair,
    *,
    variant: Variant | None = None,
    seed: int = 0,
    image_count: int = 0,
    metrics: Sequence[Metric] = METRICS,
) -> SeveralDegradations:
    """Sharp images of a test set, each with a blur of its own.

    Args:
        test_set: name of the images.
        pair: how they are blurred.
        variant: what tells this evaluation from others on the same images.
        seed: of the blurs; each depends on it and on the image's name.
        image_count: number of images, the first ones; 0 for all.
        metrics: of the restored images.
    """
    images = evaluation_images(test_set)
    images = images.first(image_count) if image_count else images
    return SeveralDegradations(images, DrawnForEachImage(pair, seed), metrics, variant=variant, baselines=BASELINES)


def evaluations(
    test_set: str, pair: ShakenPair, *, image_count: int = 0, distances: Sequence[Metric] = ()
) -> list[PairedImages]:
    """The evaluations of a generator: PSNR, SSIM and distances of the sets, on synthetic shake and on GoPro, or on GoPro alone."""
    metrics = (*METRICS, *distances)
    if test_set == "gopro":
        return [on_gopro(optional=False, metrics=metrics)]
    return [synthetic(test_set, pair, image_count=image_count, metrics=metrics), on_gopro()]


def validation(evaluations: Sequence[PairedImages]) -> PairedImages:
    """Eight images of the first evaluation: PSNR, SSIM, and the Fréchet distance in a fixed random network, which needs no weights."""
    return evaluations[0].first(8).with_metrics((*METRICS, random_frechet_distance()))


def stream(data: DataOptions, pair: ShakenPair, seed: int) -> PatchStream:
    """Training patches: of GoPro's own pairs, or of sharp images that are shaken."""
    given: Any = dict(patch_size=data.patch_size, batch_size=data.batch_size, seed=seed, shuffle_colors=data.shuffle_colors)
    if data.train_set == "gopro":
        return PatchStream(gopro("train"), None, **given)
    return PatchStream(training_images(data.train_set), pair, **given)


def on_gopro(*, gamma: bool = False, optional: bool = True, metrics: Sequence[Metric] = METRICS) -> PairedImages:
    """The GoPro test set, if `optional` where it is present; see `data.gopro`. Published numbers are means over all of its 1111 pairs."""
    return PairedImages(gopro("test", gamma=gamma), None, metrics, baselines=BASELINES, optional=optional)


def on_koehler(linear_gamma: float = 1.0) -> TrajectoryFrames:
    """Köhler's benchmark, where it is present; see `evaluations.trajectory_frames`."""
    return TrajectoryFrames(Koehler(), (best_frame_psnr, best_frame_ssim), linear_gamma=linear_gamma, optional=True)
