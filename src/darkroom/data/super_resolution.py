"""Pairs for super-resolution, for `fit` and for a plain PyTorch training loop alike."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as adjust

from darkroom.core.errors import DarkroomError, about
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.data.image_set import ImageSet
from darkroom.data.named_sets import training
from darkroom.data.streams import PatchStream, patch_of
from darkroom.operators.resample import Kernel, ReducedPair


@dataclass(frozen=True)
class Jittered:
    """An image with brightness, contrast, saturation and hue moved at random, then made into a pair.

    Brightness, contrast and saturation are multiplied by a factor drawn from [1 − a, 1 + a], hue is moved by a share
    of the circle drawn from [−a, a], in this order; the arithmetic is torchvision's.

    Args:
        amount: a, from 0 (nothing is done) to 0.5.
        degrade: makes the pair of the image so changed.
    """

    amount: float
    degrade: Callable[[Tensor, torch.Generator], Example]

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= 0.5:
            raise DarkroomError(f"colour jitter goes from 0 to 0.5, given {self.amount}")

    def __call__(self, clean: Float[Tensor, "channel height width"], generator: torch.Generator) -> Example:
        if self.amount:
            brightness, contrast, saturation, hue = (
                (torch.rand(4, generator=generator, dtype=torch.float64) * 2 - 1) * self.amount
            ).tolist()
            clean = adjust.adjust_brightness(clean, 1 + brightness)
            clean = adjust.adjust_contrast(clean, 1 + contrast)
            clean = adjust.adjust_saturation(clean, 1 + saturation)
            clean = adjust.adjust_hue(clean, hue)
        return self.degrade(clean, generator)


class SRDataset(Dataset):
    """The images of a folder as pairs (low, high) for super-resolution; needs nothing else of this library.

    To learn from, an item is a random square crop with its colours jittered, and its reduced copy. To be evaluated on
    (`crop=None`), it is the whole image, its sides cropped to multiples of the factor, and its reduced copy.

        loader = DataLoader(SRDataset("BSDS500/data/images/train"), batch_size=16, shuffle=True, num_workers=2)
        for low, high in loader: ...        # (16, 3, 32, 32), (16, 3, 64, 64), float in [0, 1]

    What is drawn comes from PyTorch's global generator, so `torch.manual_seed` repeats it. The same pairs feed `fit`
    through `stream`, where they are a function of seed and step.

    Args:
        images: a folder, the name of a known set ("embedded", "bsds400"), or images looked up already.
        factor: how many times smaller `low` is.
        crop: side of the crop in `high`; None for whole images. An image smaller than the crop is continued by
            reflection.
        jitter: how far brightness, contrast, saturation and hue are moved; only crops are.
        kernel: of the reduction; see `operators.resample`.
        antialias: see `operators.resample`.
        in_memory: decode the images of a folder at once (up to 4 GiB of them), so that a loader's workers share
            them and none is decoded twice; False only lists them.

    Raises:
        DarkroomError: the folder is missing or empty, an image in it is broken, or the factor does not divide the crop.
    """

    def __init__(
        self,
        images: str | Path | ImageSet,
        *,
        factor: int = 2,
        crop: int | None = 64,
        jitter: float = 0.2,
        kernel: Kernel = "bilinear",
        antialias: bool = True,
        in_memory: bool = True,
    ) -> None:
        if factor < 1 or (crop is not None and (crop < factor or crop % factor)):
            raise DarkroomError(f"a crop of {crop} cannot be reduced {factor} times: the factor must divide the crop")
        self.images = images if isinstance(images, ImageSet) else training(str(images))
        if not isinstance(images, ImageSet):
            len(self.images)
            if in_memory:
                self.images.hold()
        self.crop = crop
        self.degrade = Jittered(jitter if crop is not None else 0.0, ReducedPair(factor, kernel, antialias, quantised=False))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Float[Tensor, "3 height width"], Float[Tensor, "3 height2 width2"]]:
        """The pair (low, high) of image `index`.

        Raises:
            DarkroomError: the file is broken, or smaller than the factor; its name is said.
        """
        random = torch.Generator().manual_seed(int(torch.randint(1 << 62, ())))
        image = self.images[index]
        if self.crop is not None:
            image = patch_of(image, self.crop, *torch.randint(1 << 62, (3,), generator=random).tolist())
        with about(list(self.images.files.values())[index]):
            pair = self.degrade(to_float(image).contiguous(), random)
        return pair.input, pair.target

    def stream(self, batch: int, seed: int, *, shuffle_colors: bool = False) -> PatchStream:
        """The same crops as the endless, stateless stream that `fit` learns from.

        Raises:
            DarkroomError: the data set gives whole images.
        """
        if self.crop is None:
            raise DarkroomError("whole images do not make batches: give SRDataset a crop")
        return PatchStream(self.images, self.degrade, patch_size=self.crop, batch_size=batch, seed=seed, shuffle_colors=shuffle_colors)
