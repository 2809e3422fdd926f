"""JPEG compression of images in [0, 1], by Pillow's encoder (libjpeg)."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float, to_uint8
from darkroom.core.method import Example
from darkroom.operators.noise import Interval, draw

SUBSAMPLINGS = {"4:4:4": 0, "4:2:0": 2}
"""Pillow's numbers of the chroma subsamplings: full resolution, and half of it in both directions."""


def compress(
    image: Float[Tensor, "channel height width"], quality: int, subsampling: str = "4:2:0"
) -> Float[Tensor, "channel height width"]:
    """Round an image to 8 bits, write it as JPEG in memory, and read it back.

    Args:
        image: grey or RGB, in [0, 1].
        quality: libjpeg's, from 1 to 100.
        subsampling: of the chroma, one of `SUBSAMPLINGS`; a grey image has none.

    Raises:
        DarkroomError: the quality is out of range, or there is no such subsampling.

    Example:
        >>> image = torch.rand(3, 16, 24, generator=torch.Generator().manual_seed(0))
        >>> worse, better = (abs(compress(image, quality) - image).mean().item() for quality in (10, 90))
        >>> worse > better
        True
    """
    if not 1 <= quality <= 100:
        raise DarkroomError(f"JPEG qualities go from 1 to 100, given {quality}")
    if subsampling not in SUBSAMPLINGS:
        raise DarkroomError(f"JPEG subsampling is one of {', '.join(SUBSAMPLINGS)}, given {subsampling!r}")
    pixels = to_uint8(image).permute(1, 2, 0).numpy()
    grey = pixels.shape[2] == 1
    options = {} if grey else {"subsampling": SUBSAMPLINGS[subsampling]}
    with io.BytesIO() as file:
        Image.fromarray(pixels[..., 0] if grey else pixels).save(file, "JPEG", quality=quality, **options)
        decoded = np.atleast_3d(np.asarray(Image.open(file)))
    return to_float(torch.from_numpy(decoded.transpose(2, 0, 1).copy()))


@dataclass(frozen=True)
class JPEG:
    """JPEG compression as a `operators.noise.Noise`; the level is the quality over 100.

    Args:
        quality: from 1 to 100, or an interval to draw it from; rounded to a whole number.
        subsampling: of the chroma, or "any" to draw one for every image.

    Example:
        >>> compressed, level = JPEG(20.0)(torch.rand(3, 32, 32), torch.Generator().manual_seed(0))
        >>> print(round(100 * level.item()), JPEG((10.0, 90.0), "any"))
        20 JPEG compression of quality uniform in [10, 90], any chroma subsampling
    """

    quality: float | Interval
    subsampling: str = "4:2:0"

    def __call__(
        self, clean: Float[Tensor, "channel height width"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "channel height width"], Float[Tensor, ""]]:
        """Compress an image in [0, 1]."""
        quality = round(draw(self.quality, generator))
        subsampling = self.subsampling
        if subsampling == "any":
            subsampling = list(SUBSAMPLINGS)[int(torch.randint(len(SUBSAMPLINGS), (), generator=generator))]
        return compress(clean, quality, subsampling), torch.tensor(quality / 100)

    def __str__(self) -> str:
        quality = self.quality
        spelled = f"uniform in [{quality[0]:g}, {quality[1]:g}]" if isinstance(quality, tuple) else f"{quality:g}"
        chroma = "any chroma subsampling" if self.subsampling == "any" else f"chroma {self.subsampling}"
        return f"JPEG compression of quality {spelled}, {chroma}"


@dataclass(frozen=True)
class CompressedPair:
    """A degradation whose input is compressed as JPEG afterwards: `Example(JPEG(input), target)`.

    Args:
        pair: makes the example, for instance `operators.resample.DownscaledPair`.
        jpeg: the compression.

    Example:
        >>> from darkroom.operators.resample import DownscaledPair
        >>> print(CompressedPair(DownscaledPair(2, "bicubic"), JPEG(80.0)))
        downscaled by 2 with bicubic (antialiased), clipped and rounded to 8 bits, then JPEG compression of quality 80, chroma 4:2:0
    """

    pair: Callable[[Tensor, torch.Generator], Example]
    jpeg: JPEG

    def __call__(self, clean: Float[Tensor, "channel height width"], generator: torch.Generator) -> Example:
        """Degrade an image in [0, 1]."""
        example = self.pair(clean, generator)
        return example._replace(input=self.jpeg(example.input, generator)[0])

    def __str__(self) -> str:
        return f"{self.pair}, then {self.jpeg}"
