"""Distances between the distributions of generated and of real images: FID and KID, and the same in the features of any network.

Two such numbers compare only if network, weights, resizing, numbers of images and file format are equal. All of them are words of the
metric's record; the report has a column of its own for each wording.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.metric import ComparedSets, Metric, Score
from darkroom.core.record import MetricRecord
from darkroom.metrics import reference_cache
from darkroom.metrics.feature_statistics import SUBSETS, FeatureStatistic, Gaussians, Kernel
from darkroom.metrics.features import Features, inception_features, random_features

FULL = 50_000
"""Samples of a published FID or KID of a generator."""

LEAST = 2
"""Images that either set needs."""

PREDICTIONS, REFERENCES, NUMBERS = "predictions", "references", "numbers"
"""The two sets; and the entry of the cache that holds how many features and reference images there are, and their sizes."""

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""


@dataclass(frozen=True)
class DistributionMetric(Metric):
    """A distance between the features of two sets of images.

    The accumulator is updated with `(predictions, images)`; either may be None, so the sets need not be of equal size.

    Args:
        features: the features.
        statistic: makes the statistic of a number of features, on a device.
        kept: what the statistic keeps, in a word; part of the name of cached references.
    """

    features: Features = field(kw_only=True)
    statistic: Callable[[int, torch.device], FeatureStatistic] = field(kw_only=True, compare=False, repr=False)
    kept: str = field(kw_only=True)

    def accumulator(self, device: torch.device) -> "DistributionAccumulator":
        return DistributionAccumulator(self, device)

    def missing(self) -> str:
        return self.features.requires()

    def undefined(self, sets: ComparedSets) -> str:
        if min(sets.predictions, sets.references) >= LEAST:
            return ""
        counts = f"{sets.predictions} were generated, and {sets.references} are real"
        return f"{self.title} needs at least {LEAST} images of either set; {counts}"

    def of_samples(self, count: int) -> "DistributionMetric":
        """The protocol with a number of samples: this one if they are 50,000; otherwise one of another name.

        Example:
            >>> fid().of_samples(50_000).name, fid().of_samples(1000).name, fid().of_samples(1000).title
            ('fid', 'fid_small_1000', 'FID small@1000')
        """
        if count == FULL:
            return self
        small = "small" if count < FULL else "large"
        return dataclasses.replace(
            self,
            name=f"{self.name}_{small}_{count}",
            title=f"{self.title} {small}@{count}",
            definition=f"{self.definition.rstrip('.')}; not comparable with numbers of {FULL:,} samples.",
        )

    def describe(self, sets: ComparedSets | None = None) -> MetricRecord:
        """What a run records, with the digest of the features' weights and the sets that are compared."""
        record = super().describe(sets)
        return record if sets is None else dataclasses.replace(record, protocol=f"{self.features.protocol()}; {sets}")


def fid(inception: Path | None = None) -> DistributionMetric:
    """Fréchet inception distance (Heusel et al. 2017), in the features and with the resizing of the original.

    Args:
        inception: a file with the published weights of its Inception; by default the one in PyTorch's cache. A file with other
            weights is refused: their distance is `frechet_distance(inception_features(path, published=False), …)`.
    """
    return frechet_distance(inception_features(inception), "fid", "FID")


def kid(inception: Path | None = None, subset_size: int = 1000) -> DistributionMetric:
    """Kernel inception distance (Bińkowski et al. 2018), in the features and with the resizing of the original FID."""
    return kernel_distance(inception_features(inception), "kid", "KID", subset_size)


def random_frechet_distance() -> DistributionMetric:
    """The Fréchet distance in the features of a fixed random network: always there, and named as what it is."""
    return frechet_distance(random_features(), "frechet_random", "Fréchet (random network)")


def frechet_distance(features: Features, name: str, title: str) -> DistributionMetric:
    """Squared Fréchet distance between Gaussians fitted to the features of two sets of images.

    d² = ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½). It depends on the number of images: only equal numbers compare.

    Example:
        >>> pixels = Features("the pixels", lambda: torch.nn.Flatten())
        >>> metric = frechet_distance(pixels, "frechet_pixels", "Fréchet distance of pixels")
        >>> state = metric.accumulator(torch.device("cpu"))
        >>> images = torch.rand(100, 1, 1, 2, generator=torch.Generator().manual_seed(0)) * 0.5
        >>> state.update(images, images + 51 / 255)  # equal covariances, means 0.2 apart in two pixels
        >>> round(state.compute().value, 3)
        0.08
    """
    return DistributionMetric(
        name,
        title,
        "",
        f"squared Fréchet distance between Gaussians fitted to features of {features.title}; images clipped and rounded to "
        "8 bits; covariances and their roots in float64; depends on the number of images; lower is closer.",
        higher_is_better=False,
        quality="perception",
        features=features,
        statistic=Gaussians,
        kept="sums",
    )


def kernel_distance(features: Features, name: str, title: str, subset_size: int = 1000) -> DistributionMetric:
    """Squared maximum mean discrepancy of the features of two sets of images.

    With the kernel k(x, y) = (xᵀy / d + 1)³, unbiased, mean over 100 random subsets of both sets (seeded); see
    `feature_statistics.Kernel`. Its expectation does not depend on the number of images. The features of all images are kept.

    Args:
        subset_size: images of a subset; of smaller sets, all of the smaller one. Another size than 1000 is part of the name.
    """
    own = subset_size != 1000
    return DistributionMetric(
        f"{name}_subsets_{subset_size}" if own else name,
        f"{title} (subsets of {subset_size})" if own else title,
        "",
        f"squared maximum mean discrepancy with a cubic polynomial kernel on features of {features.title}, mean over "
        f"{SUBSETS} subsets of {subset_size} (of smaller sets: of all images); images clipped and rounded to 8 bits; unbiased, so "
        "that it may be negative; lower is closer.",
        higher_is_better=False,
        quality="perception",
        features=features,
        statistic=lambda width, device: Kernel(width, subset_size),
        kept="features",
    )


class DistributionAccumulator:
    """The state of a distance between two sets of images.

    Args:
        metric: the protocol.
        device: of the predictions.
    """

    def __init__(self, metric: DistributionMetric, device: torch.device) -> None:
        self.metric, self.device = metric, device
        self.extractor = metric.features.load(device)
        self.statistic: FeatureStatistic | None = None
        self.counts, self.shapes = {PREDICTIONS: 0, REFERENCES: 0}, {PREDICTIONS: set[Shape](), REFERENCES: set[Shape]()}
        self._entry: Path | None = None
        self._cached = False

    def begin(self, references: str) -> bool:
        """Say which images the reference will be; returns whether it is known, from the cache, and need not be updated.

        Args:
            references: a digest of all reference images, "" where there is none.
        """
        if not references:
            return False
        self._entry = reference_cache.entry(references, self.metric.features.protocol(), self.metric.kept)
        known = reference_cache.load(self._entry)
        try:
            self._cached = known is not None and self._recall(known)
        except (KeyError, ValueError):  # an entry of another layout
            self.counts[REFERENCES], self.shapes[REFERENCES], self.statistic = 0, set(), None
        return self._cached

    def _recall(self, known: dict[str, Tensor]) -> bool:
        """Take the reference from an entry of the cache.

        Raises:
            KeyError, ValueError: the entry has another layout.
        """
        width, count, *shapes = known[NUMBERS].tolist()
        if not shapes:
            raise ValueError("an entry without the sizes of its images")
        self.statistic = self.metric.statistic(width, self.device)
        self.statistic.set_reference(known)
        self.counts[REFERENCES] = count
        self.shapes[REFERENCES] = set(zip(shapes[::3], shapes[1::3], shapes[2::3], strict=True))
        return True

    @torch.no_grad()
    def update(self, prediction: Tensor | None, target: Tensor | None) -> None:
        """Take in generated images, real ones, or both; real ones are passed over where they are known."""
        for images, side in ((prediction, PREDICTIONS), (target, REFERENCES)):
            if images is not None and len(images) and not (side == REFERENCES and self._cached):
                features = self.extractor(images)
                if self.statistic is None:
                    self.statistic = self.metric.statistic(features.shape[1], self.device)
                self.statistic.update(features, side == REFERENCES)
                self.counts[side] += len(images)
                channels, height, width = images.shape[1:]
                self.shapes[side].add((channels, height, width))

    @torch.no_grad()
    def compute(self) -> Score:
        """The distance; nan where an image was not finite.

        Raises:
            DarkroomError: a set is too small, or images that are not resized are of other sizes in the two sets.
        """
        if undefined := self.metric.undefined(ComparedSets(self.counts[PREDICTIONS], self.counts[REFERENCES])):
            raise DarkroomError(undefined)
        self._require_equal_sizes()
        assert self.statistic is not None
        if self._entry is not None and not self._cached:
            self._save(self._entry, self.statistic)
        return Score(self.statistic.distance(), None, self.counts[PREDICTIONS])

    def _require_equal_sizes(self) -> None:
        if self.metric.features.resizer or self.shapes[PREDICTIONS] == self.shapes[REFERENCES]:
            return
        ours, theirs = (
            " and ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:2]) for shapes in self.shapes.values()
        )
        raise DarkroomError(
            f"{self.metric.title} compares images of equal sizes; predictions are {ours} and references {theirs} "
            "(channel x height x width)"
        )

    def _save(self, path: Path, statistic: FeatureStatistic) -> None:
        shapes = [number for shape in sorted(self.shapes[REFERENCES]) for number in shape]
        numbers = torch.tensor([statistic.width, self.counts[REFERENCES], *shapes])
        reference_cache.save(path, {**statistic.reference(), NUMBERS: numbers})
