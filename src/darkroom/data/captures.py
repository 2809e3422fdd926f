"""Noise that was drawn once: images as a camera took them, and no second chance."""

from typing import Any

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.core.stream import Stream
from darkroom.data.image_set import ImageSet
from darkroom.data.streams import Degradation, patch_of


class Captures(Stream):
    """Random patches, flipped and turned at random, of images that were degraded whole and once for all.

    Where `PatchStream` draws the degradation anew at every look, which no camera does, here image n has the pair that
    (seed, n) gives it, and patches are cut from both at the same place. All pairs are held in memory, as float32.

    Args:
        images: the clean images.
        degrade: makes the pair of an image.
        patch: side of the patch in pixels.
        batch: samples a step, over all processes together.
        seed: the seed that everything depends on.
    """

    def __init__(self, images: ImageSet, degrade: Degradation, *, patch: int, batch: int, seed: int) -> None:
        if patch < 1 or batch < 1:
            raise DarkroomError(f"patch and batch must be at least 1, given --patch {patch} --batch {batch}")
        self.images, self.degrade, self.patch, self.batch, self.seed = images, degrade, patch, batch, seed
        self._taken: dict[int, tuple[Tensor, Tensor]] = {}

    def open(self) -> None:
        for which in range(len(self.images)):
            self._pair(which)

    def describe(self) -> dict[str, Any]:
        return {
            "set": self.images.name,
            "images": len(self.images),
            "samples a step": self.batch,
            "sample": f"random {self.patch}x{self.patch} patch, flipped and turned in eight ways",
            "degradation": f"{self.degrade}, drawn once for every image",
        }

    def sample(self, step: int, index: int) -> Example:
        random = generator(self.seed, "sample", step, index)
        which, *places = torch.randint(1 << 62, (4,), generator=random).tolist()
        source, target = (patch_of(x, self.patch, *places).contiguous() for x in self._pair(which % len(self.images)))
        return Example(source, target)

    def _pair(self, which: int) -> tuple[Tensor, Tensor]:
        if which not in self._taken:
            pair = self.degrade(to_float(self.images[which]), generator(self.seed, "capture", which))
            self._taken[which] = (pair.input, pair.target)
        return self._taken[which]
