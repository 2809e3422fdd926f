"""Distances of distributions that rows of translation and generation are evaluated by."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.metric import Metric
from darkroom.core.pretrained import sha256
from darkroom.engine.folder import weights_file
from darkroom.metrics.distribution import fid, frechet_distance, kid, random_frechet_distance
from darkroom.metrics.features import Features, find_inception
from darkroom.metrics.inception_score import inception_score
from darkroom.recipes import trained
from darkroom.recipes.paths import weights_path

DOWNLOAD = "download"


@dataclass(frozen=True)
class DistanceOptions:
    """Networks in whose features sets of images are compared; the distance in a fixed random network is always evaluated."""

    inception: str = ""
    """FID's Inception: "download" (91 MB), or a file; by default FID and KID are evaluated where PyTorch's cache has it."""
    feature_weights: str = ""
    """A network trained here that a Fréchet distance is evaluated in too: RECIPE/ROW among the runs, a run's folder or a file."""

    def metrics(self) -> tuple[Metric, ...]:
        """FID and KID, the distance in the features of a network trained here if one is named, and that in a random network.

        Those whose weights are not there are skipped, with a line that says how to get them.
        """
        own = (trained_frechet_distance(self.feature_weights),) if self.feature_weights else ()
        return (fid(self._file), kid(self._file), *own, random_frechet_distance())

    def of_samples(self) -> tuple[Metric, ...]:
        """`metrics`, and the inception score, which looks at samples alone."""
        return (*self.metrics(), inception_score(self._file))

    def requirements(self) -> list[Callable[[], object]]:
        """What has to be there before training: Inception, if it was asked for."""
        return [lambda: find_inception(self._file)] if self.inception else []

    @property
    def _file(self) -> Path | None:
        return Path(self.inception) if self.inception not in ("", DOWNLOAD) else None


def trained_frechet_distance(weights: str) -> Metric:
    """The Fréchet distance in the features of a network that was trained here, named after its run.

    Args:
        weights: RECIPE/ROW among the runs, a run's folder, or a weights file of a method with `features(images)`.

    Example:
        >>> metric = trained_frechet_distance("supervised/laptop")
        >>> metric.name, metric.title
        ('frechet_supervised_laptop', 'Fréchet (supervised/laptop)')
    """
    parts = row_of(weights)
    return frechet_distance(trained_features(weights), "_".join(["frechet", *parts]), f"Fréchet ({'/'.join(parts)})")


def trained_features(weights: str) -> Features:
    """The features of a network that was trained here; arguments as for `trained_frechet_distance`."""
    return Features(
        f"the network {'/'.join(row_of(weights))}, trained here",
        lambda: _TrainedFeatures(trained.run(_file(weights)).method),
        lambda: _missing(weights),
        lambda: sha256(_file(weights)),
    )


def row_of(weights: str) -> list[str]:
    """Recipe and row of weights, as the last two folders of their path say.

    Example:
        >>> row_of("supervised/small"), row_of("/home/me/runs/supervised/small/checkpoints/final.safetensors")
        (['supervised', 'small'], ['supervised', 'small'])
    """
    parts = Path(weights.removesuffix(".safetensors")).parts
    return [part for part in parts if part not in ("checkpoints", "final", "best")][-2:]


def _file(weights: str) -> Path:
    return weights_file(weights_path(weights))


def _missing(weights: str) -> str:
    try:
        method = trained.run(_file(weights)).method
    except DarkroomError as error:
        return str(error)
    return "" if hasattr(method, "features") else f"{weights} holds no network with features: take a run of kind backbone"


class _TrainedFeatures(nn.Module):
    """The features of a method's network; grey images are taken as RGB with equal channels."""

    def __init__(self, method: Any) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch features"]:
        method: Any = self.method
        return method.features(images.expand(-1, 3, -1, -1))
