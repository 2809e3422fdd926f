"""Evaluation of views of a scene."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property

from torch import Tensor

from darkroom.core.dataset import Dataset
from darkroom.core.evaluation import Predictor
from darkroom.core.method import Example
from darkroom.core.metric import Metric
from darkroom.core.record import Variant
from darkroom.evaluations.chosen import evenly_spaced_indices
from darkroom.evaluations.digests import digest_of
from darkroom.evaluations.paired_images import PairedImages
from darkroom.radiance.rays import QueriedViews


class RenderedViews(PairedImages):
    """Rendered images are compared with photographs: the condition is (intrinsics, pose), the input the nearest photograph.

    Args:
        name: of the scene, as tables call it.
        queried: makes the example of a view.
        metrics, variant, baselines, seed, optional: see `Evaluation`.
        split: of the scene.
        count: at most so many views, evenly spaced; 0 for all.
    """

    unit = "view"

    def __init__(
        self,
        name: str,
        queried: QueriedViews,
        metrics: Sequence[Metric],
        *,
        split: str = "test",
        count: int = 0,
        variant: Variant | None = None,
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
    ) -> None:
        views = _Views(name, queried, split, count)
        super().__init__(views, None, metrics, variant=variant, baselines=baselines, seed=seed, optional=optional)
        self.queried = queried

    def protocol(self) -> str:
        return str(self.queried)

    def fingerprint(self) -> str:
        """As for every evaluation, and of all cameras and training photographs."""
        described, queried = super().fingerprint(), self.queried
        if not described:
            return ""
        photographs = json.dumps(queried.digests(queried.names("train")))
        cameras = queried.find().cameras.values()
        return digest_of(described + photographs, *(x for camera in cameras for x in (camera.intrinsics, camera.pose)))


class _Views(Dataset):
    """Views of a split as examples."""

    def __init__(self, name: str, queried: QueriedViews, split: str, count: int) -> None:
        self.name, self.queried, self.split, self.count = name, queried, split, count

    @cached_property
    def names(self) -> list[str]:  # type: ignore[override]
        names = self.queried.names(self.split)
        return [names[index] for index in evenly_spaced_indices(len(names), self.count or len(names))]

    def open(self) -> None:
        self.queried.names(self.split)

    def __len__(self) -> int:
        return len(self.names)

    def example(self, index: int) -> Example:
        return self.queried.example(self.names[index])

    def digests(self) -> dict[str, str]:
        return self.queried.digests(self.names)


def nearest_photograph(batch: Example) -> Tensor:
    """The training photograph of the nearest camera: a baseline."""
    return batch.input
