"""The protocol of image generation: samples against the training images, by distances of distributions, for several samplers."""

from collections.abc import Callable
from dataclasses import dataclass

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.data.generation_sets import SHAPES, generation_images, shape_of
from darkroom.data.joint_transforms import Augmentation
from darkroom.data.streams import PatchStream
from darkroom.evaluations.costed_samples import CostedSamples
from darkroom.evaluations.generated_samples import real_images
from darkroom.metrics.distribution import random_frechet_distance
from darkroom.recipes.protocols.distributions import DistanceOptions

VALIDATION_SAMPLES = 64


@dataclass(frozen=True)
class GenerationData:
    """Images to learn to generate."""

    image_set: str = "cifar10"
    """digits, patches, cifar10, cifar10_jpeg, celeba, celeba_small, or a folder or zip file of images."""
    image_size: int = 32
    """Side of the images of a folder or zip file, which are cropped to squares and resized; known sets have their own."""
    mirrored: bool = True
    """Flip training images horizontally at random."""
    batch_size: int = 128
    """Images per step, over all devices."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return shape_of(self.image_set, self.image_size)

    def training(self) -> Dataset:
        """The training images."""
        return generation_images(self.image_set, "train", self.image_size)

    def stream(self, seed: int) -> PatchStream:
        """Whole training images."""
        how: Augmentation = "flip" if self.mirrored else "none"
        return PatchStream(self.training(), patch_size=None, batch_size=self.batch_size, seed=seed, augmentation=how)


@dataclass(frozen=True)
class SampleOptions:
    """How samples are drawn for the evaluation."""

    samplers: tuple[str, ...] = ("reverse_diffusion_pc@1000",)
    """Samplers that are evaluated, each as NAME or NAME@STEPS; `darkroom sample` takes the first one."""
    sample_count: int = 50_000
    """Samples of each evaluation; published numbers are of 50,000."""
    sample_batch: int = 250
    """Samples that are computed together in the evaluation."""

    def parsed(self) -> list[tuple[str, int]]:
        """Name and steps of every sampler; 0 steps where none are given.

        Raises:
            DarkroomError: there are no samplers, or what follows an @ is no number of steps.

        Example:
            >>> SampleOptions(("ddim@50", "generator")).parsed()
            [('ddim', 50), ('generator', 0)]
        """
        found = []
        for word in self.samplers:
            name, at, steps = word.partition("@")
            if at and not (steps.isdecimal() and int(steps) >= 1):
                raise DarkroomError(f"--samplers {word}: must be NAME or NAME@STEPS, for example ddim@50")
            found.append((name, int(steps or 0)))
        if not found:
            raise DarkroomError("--samplers: at least one is needed")
        return found


def evaluations(
    data: GenerationData,
    samples: SampleOptions,
    distances: DistanceOptions,
    settings: Callable[[str], str],
    seed: int,
) -> list[CostedSamples]:
    """An evaluation for every sampler, against the training images as in published tables.

    Beside the first one stand the test images as a baseline, as many as samples: what a perfect generator would score.

    Args:
        data: the images.
        samples: how samples are drawn.
        distances: the metrics.
        settings: of a sampler by its name, in words.
        seed: of the samples.
    """
    held_out = {"test images": real_images(generation_images(data.image_set, "test", data.image_size))}
    return [
        CostedSamples(
            data.training(),
            samples.sample_count,
            distances.of_samples(),
            sampler=sampler,
            steps=steps,
            settings=settings(sampler),
            baselines=held_out if not number and data.image_set in SHAPES else None,
            seed=seed,
            batch_size=samples.sample_batch,
        )
        for number, (sampler, steps) in enumerate(samples.parsed())
    ]


def validation(data: GenerationData, sampler: str, steps: int, seed: int) -> CostedSamples:
    """A few samples by a fast sampler, to look at as training goes on; their distance is that in a random network."""
    count = VALIDATION_SAMPLES
    return CostedSamples(
        data.training(), count, (random_frechet_distance(),), sampler=sampler, steps=steps, seed=seed, batch_size=count
    )
