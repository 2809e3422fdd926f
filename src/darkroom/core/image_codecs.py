"""Image files to arrays and back: 8 and 16 bits, in memory or on disk."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from darkroom.core.errors import DarkroomError

ORIENTATION = 0x0112
"""The EXIF tag."""

# EXIF orientation 1…8 as operations on (height, width, channel) that turn the image upright.
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@dataclass(frozen=True)
class Encoded:
    """The bytes of an image file in memory, for example a member of a zip file.

    Args:
        name: stands for the file in messages.
        content: the bytes.
    """

    name: str
    content: bytes

    def __str__(self) -> str:
        return self.name


Source = Path | Encoded
"""Where an image is read from."""


@contextmanager
def opened(source: Source) -> Iterator[Image.Image]:
    """Open an image without decoding it. Errors of the decoders inside the block become one line with the file's name.

    Raises:
        DarkroomError: the file is missing, broken, or of a kind that cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(_file(source)) as image:
                yield image
    except DarkroomError as error:
        if str(source) in str(error):
            raise
        raise DarkroomError(f"{source}: {error}") from error
    except FileNotFoundError as error:
        raise DarkroomError(f"no image at {source}") from error
    except UnidentifiedImageError as error:
        raise DarkroomError(f"{source} cannot be read: not an image, or a broken one") from error
    except Exception as error:  # broken files raise every kind of exception
        raise DarkroomError(f"{source} cannot be read: {error}") from error


def orientation(image: Image.Image) -> int:
    """EXIF's, 1 to 8. Finding it in a PNG would decode its pixels; that is avoided for one without EXIF."""
    has_exif = image.format != "PNG" or "exif" in image.info
    return int(image.getexif().get(ORIENTATION, 1)) if has_exif else 1


def is_16_bit(image: Image.Image) -> bool:
    """Whether the file has more than 8 bits a channel. Call it before `getexif`, which may decode and lose the depth."""
    if image.mode.startswith("I"):
        return True
    if image.format == "PNG":
        return any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (8,))) > 8  # type: ignore[attr-defined]
    return False


def decode_16_bit(source: Source, image: Image.Image, exif_orientation: int) -> np.ndarray:
    """Pixels of a 16-bit file, uint16 `(height, width[, channel])`, upright."""
    if image.format == "PNG":
        from torchvision.io import ImageReadMode, decode_image

        content = source.content if isinstance(source, Encoded) else source.read_bytes()
        encoded = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        array = decode_image(encoded, ImageReadMode.UNCHANGED).permute(1, 2, 0).numpy().astype(np.uint16)
    elif image.format == "TIFF":
        import tifffile

        array = tifffile.imread(_file(source))
        if array.dtype != np.uint16:
            raise DarkroomError(f"{source}: a TIFF of {array.dtype} numbers; 8 and 16 bits can be read")
    else:
        array = np.asarray(image).astype(np.uint16)
    return _UPRIGHT.get(exif_orientation, _UPRIGHT[1])(array)


def decode_8_bit(image: Image.Image) -> np.ndarray:
    """Pixels of an 8-bit file, uint8 `(height, width[, channel])`, upright: grey or RGB, with or without alpha."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise DarkroomError("pixels are floating-point numbers without a stated range; convert to 16 bits first")
    if image.mode in ("1", "L"):
        image = image.convert("LA" if "transparency" in image.info else "L")
    elif image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    return np.asarray(image)


def encode_16_bit(path: Path, array: np.ndarray, ending: str) -> None:
    """Write uint16 `(height, width, channel)` as PNG or, with any other ending, as TIFF."""
    height, width, channels = array.shape
    if ending == ".png":
        import png

        writer = png.Writer(width, height, bitdepth=16, greyscale=channels < 3, alpha=channels in (2, 4), compression=4)
        with path.open("wb") as file:
            writer.write(file, array.reshape(height, width * channels))
    else:
        import tifffile

        if channels == 2:  # few programs read grey with transparency from a TIFF
            array, channels = array[..., [0, 0, 0, 1]], 4
        tifffile.imwrite(
            path,
            array[..., 0] if channels == 1 else array,
            photometric="rgb" if channels >= 3 else "minisblack",
            extrasamples=["unassalpha"] if channels == 4 else None,
            planarconfig="contig" if channels > 1 else None,
        )


def _file(source: Source) -> Path | io.BytesIO:
    return io.BytesIO(source.content) if isinstance(source, Encoded) else source
