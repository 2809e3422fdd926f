"""Pairs for super-resolution, for `fit` and for a plain PyTorch training loop alike."""

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
from darkroom.data.joint_transforms import crop
from darkroom.data.named_sets import training_images
from darkroom.data.streams import Degradation, PatchStream
from darkroom.operators.resample import DownscaledPair, Kernel


@dataclass(frozen=True)
class ColorJitter:
    """Random brightness, contrast, saturation and hue of the clean image, before it is degraded.

    Brightness, contrast and saturation are multiplied by factors drawn from [1 − a, 1 + a], then hue is rotated by a fraction
    of the colour circle drawn from [−a, a]; the arithmetic is torchvision's.

    Args:
        amount: a, from 0 (no change) to 0.5.
        degrade: makes the example of the changed image.

    Raises:
        DarkroomError: the amount is out of range.
    """

    amount: float
    degrade: Degradation

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

    def __str__(self) -> str:
        return f"colour jitter of {self.amount:g}, then {self.degrade}" if self.amount else str(self.degrade)


class SRDataset(Dataset):
    """The images of a folder as pairs (low, high) for super-resolution; a plain PyTorch dataset.

    For training, an item is a random square patch with colour jitter, and its downscaled copy. For evaluation
    (`patch_size=None`), it is the whole image, cropped to multiples of the scale, and its downscaled copy.

        loader = DataLoader(SRDataset("BSDS500/data/images/train"), batch_size=16, shuffle=True, num_workers=2)
        for low, high in loader: ...        # (16, 3, 32, 32), (16, 3, 64, 64), float in [0, 1]

    Random numbers come from PyTorch's global generator, so `torch.manual_seed` repeats them. `stream` gives the same kind of
    pairs to `fit`, as a function of seed and step.

    Args:
        images: a folder, a zip file, the name of a known set ("embedded", "bsds400"), or an `ImageSet`.
        scale: side of `high` over side of `low`.
        patch_size: side of the patch in `high`; None for whole images. An image smaller than it is extended by reflection.
        jitter: amount of `ColorJitter`; whole images have none.
        kernel, antialias: of the downscaling; see `operators.resample`.
        in_memory: decode the images of a folder at once (up to 4 GiB of them), so that the loader's workers share them;
            False only lists them.

    Raises:
        DarkroomError: the folder is missing or empty, an image in it is broken, or the scale does not divide the patch size.

    Example:
        >>> low, high = SRDataset("embedded", scale=2, patch_size=64)[0]
        >>> tuple(low.shape), tuple(high.shape)
        ((3, 32, 32), (3, 64, 64))
    """

    def __init__(
        self,
        images: str | Path | ImageSet,
        *,
        scale: int = 2,
        patch_size: int | None = 64,
        jitter: float = 0.2,
        kernel: Kernel = "bilinear",
        antialias: bool = True,
        in_memory: bool = True,
    ) -> None:
        if scale < 1 or (patch_size is not None and (patch_size < scale or patch_size % scale)):
            raise DarkroomError(
                f"a patch of {patch_size} cannot be downscaled by {scale}: the scale must divide the patch size"
            )
        self.images = images if isinstance(images, ImageSet) else training_images(str(images))
        if not isinstance(images, ImageSet):
            len(self.images)
            if in_memory:
                self.images.open()
        self.patch_size = patch_size
        downscaled = DownscaledPair(scale, kernel, antialias, quantised=False)
        self.degrade = ColorJitter(jitter if patch_size is not None else 0.0, downscaled)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Float[Tensor, "3 height width"], Float[Tensor, "3 height2 width2"]]:
        """The pair (low, high) of image `index`.

        Raises:
            DarkroomError: the file is broken, or the image is smaller than the scale; the line names the file.
        """
        random = torch.Generator().manual_seed(int(torch.randint(1 << 62, ())))
        image = self.images[index]
        if self.patch_size is not None:
            place = torch.randint(1 << 62, (3,), generator=random).tolist()
            image = crop(image, self.patch_size, self.patch_size, *place)
        with about(self.images.files[self.images.names[index]]):
            example = self.degrade(to_float(image).contiguous(), random)
        return example.input, example.target

    def stream(self, batch_size: int, seed: int, *, shuffle_colors: bool = False) -> PatchStream:
        """The same kind of patches as an endless, stateless stream for `fit`.

        Raises:
            DarkroomError: the dataset gives whole images.
        """
        if self.patch_size is None:
            raise DarkroomError("whole images do not make batches: give SRDataset a patch_size")
        return PatchStream(
            self.images,
            self.degrade,
            patch_size=self.patch_size,
            batch_size=batch_size,
            seed=seed,
            shuffle_colors=shuffle_colors,
        )
