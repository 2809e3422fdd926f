"""Shaken photographs for training and evaluation: another shake for every image, and label maps as segments."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.images import is_image
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.core.record import DataRecord
from darkroom.data.joint_transforms import ELEMENTS, Augmentation, JointTransform
from darkroom.data.label_maps import LabelMaps
from darkroom.data.streams import Degradation, PatchStream
from darkroom.operators.shaken import ShakenPair


@dataclass(frozen=True)
class DrawnForEachImage:
    """The degradations of a `SeveralDegradations` evaluation that draws each image's own, from (seed, the image's name, number).

    An evaluation seeds its degradation alike for every image: noise is then comparable, but every image would have the same shake.

    Args:
        degradation: what is drawn.
        seed: of every draw.
        times: examples of each image.

    Example:
        >>> from darkroom.operators.motion import CameraShake
        >>> shakes = DrawnForEachImage(ShakenPair(CameraShake(9)), times=2)
        >>> first, second = (degrade(torch.eye(30).expand(3, -1, -1), torch.Generator()) for degrade in shakes("photo"))
        >>> torch.equal(first.input, second.input)
        False
    """

    degradation: Degradation
    seed: int = 0
    times: int = 1

    def __call__(self, name: str) -> Sequence[Degradation]:
        """The degradations of the image of a name."""
        return [partial(self._degrade, name, number) for number in range(self.times)]

    def _degrade(self, name: str, number: int, clean: Tensor, _: torch.Generator) -> Example:
        return self.degradation(clean, generator(self.seed, "shake", name, number))

    def __str__(self) -> str:
        often = f"{self.times} times " if self.times > 1 else ""
        return f"{self.degradation}; drawn {often}for each image by its name and the seed {self.seed}"


class SegmentedStream(PatchStream):
    """Patches of photographs that are shaken differently in every segment of their label maps.

    Args:
        dataset: photographs with label maps.
        pair: the degradation; its `segments` is the largest number of differently blurred segments in a patch.
        patch_size, batch_size, seed, augmentation: see `PatchStream`.
    """

    def __init__(
        self,
        dataset: LabelMaps,
        pair: ShakenPair,
        *,
        patch_size: int | tuple[int, int],
        batch_size: int,
        seed: int,
        augmentation: Augmentation = "dihedral",
    ) -> None:
        super().__init__(dataset, None, patch_size=patch_size, batch_size=batch_size, seed=seed, augmentation=augmentation)
        self.pair = pair

    def describe(self) -> DataRecord:
        return dataclasses.replace(super().describe(), degradation=f"{self.pair}; the segments are those of the label maps")

    def sample(self, step: int, index: int) -> Example:
        random = generator(self.seed, "sample", step, index)
        number, top, left, element = torch.randint(1 << 62, (4,), generator=random).tolist()
        transform = JointTransform(self.size, top, left, element % ELEMENTS[self.augmentation])
        pair = transform.of_example(self.dataset.example(number % len(self.dataset)))
        labels, photograph = (pair.target, pair.input) if is_image(pair.input) else (pair.input, pair.target)
        if labels.is_floating_point():
            raise DarkroomError(f"{self.dataset.name} has no label maps to take segments from")
        return self.pair(photograph, random, labels[0])
