"""Images of any size as squares of one size."""

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import UInt8
from torch import Tensor

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.image_codecs import Source
from darkroom.core.images import to_float, to_uint8
from darkroom.data.image_set import ImageSet
from darkroom.operators.resample import resize


@dataclass(frozen=True)
class Square:
    """Reads an image, crops the middle of it to a square, and resizes that; bilinear, with antialiasing.

    An `ImageSet` takes it as `read`.

    Args:
        size: side of the result in pixels.
        crop: side of the square as a share of the image's width; None takes the shorter side.
        grey: one channel instead of three.
    """

    size: int
    crop: float | None = None
    grey: bool = False

    def __post_init__(self) -> None:
        if self.size < 1:
            raise DarkroomError(f"images of {self.size}x{self.size} pixels cannot be made; at least 1 is needed")

    def __call__(self, source: Source) -> UInt8[Tensor, "channel size size"]:
        """Read an image file, or the bytes of one."""
        return self.of(images.read_uint8(source, grey=self.grey))

    def of(self, image: UInt8[Tensor, "channel height width"]) -> UInt8[Tensor, "channel size size"]:
        """The square of an image."""
        height, width = image.shape[1:]
        side = min(height, width, round(width * self.crop) if self.crop else height)
        top, left = (height - side) // 2, (width - side) // 2
        square = image[:, top : top + side, left : left + side]
        if side == self.size:
            return square.contiguous()
        return to_uint8(resize(to_float(square)[None], self.size, self.size, "bilinear")[0].clamp(0, 1))


def square_images(path: Path, size: int, *, name: str | None = None, grey: bool = False) -> ImageSet:
    """All images of a folder and its subfolders, or of a zip file, as squares of `size` pixels."""
    return ImageSet.from_path(path, name=name, grey=grey, read=Square(size, grey=grey))
