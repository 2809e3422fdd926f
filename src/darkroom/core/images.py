"""Images at the door: the one place where files and integers meet float in [0, 1]."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.files import replacing

READABLE = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".ppm", ".pgm", ".gif"})
WRITABLE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".webp": "WEBP"}
_QUALITY: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}
_ORIENTATION = 0x0112  # the EXIF tag

# EXIF orientation 1…8 as operations on (height, width, channel).
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
class ImageFile:
    """An image as a person keeps it: pixels, transparency, depth, and what the file said besides.

    Args:
        pixels: grey `(1, height, width)` or RGB `(3, height, width)`, float32 in [0, 1], upright.
        alpha: opacity `(1, height, width)` in [0, 1], or None.
        bits: 8 or 16, the depth of the file.
        metadata: what Pillow writes back as it was (`exif`, `icc_profile`).
    """

    pixels: Float[Tensor, "channel height width"]
    alpha: Float[Tensor, "1 height width"] | None = None
    bits: int = 8
    metadata: dict[str, bytes] = field(default_factory=dict)


def to_float(pixels: Tensor) -> Tensor:
    """Integers (uint8: 0–255, uint16: 0–65535) to float32 in [0, 1]."""
    return pixels.to(torch.float32) / (65535 if pixels.dtype == torch.uint16 else 255)


def to_uint8(pixels: Float[Tensor, "..."]) -> UInt8[Tensor, "..."]:
    """Float in [0, 1] to 0–255, clipped and rounded to nearest."""
    return (pixels.float() * 255).round_().clamp_(0, 255).to(torch.uint8)


def round_to_8_bits(pixels: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Clip to [0, 1] and round to multiples of 1/255, as saving and reading again does; stays float."""
    return (pixels.float() * 255).round_().clamp_(0, 255).div_(255)


def to_grey(pixels: UInt8[Tensor, "3 height width"]) -> UInt8[Tensor, "1 height width"]:
    """Luma of an 8-bit RGB image, ITU-R BT.601: (299 R + 587 G + 114 B) / 1000, rounded to 8 bits.

    The grey BSD68 of the denoising tables was made with these weights.
    """
    r, g, b = pixels.to(torch.int32)
    return ((299 * r + 587 * g + 114 * b + 500) // 1000).to(torch.uint8)[None]


def read(path: Path) -> ImageFile:
    """Read an image file: 8 or 16 bits, grey or colour, with or without transparency, turned upright.

    Palettes and CMYK become RGB; of an animation, the first frame is taken.

    Raises:
        DarkroomError: the file is missing, broken, or of a kind that cannot be read.
    """
    with _said_in_one_line(path), Image.open(path) as image:
        metadata = {"icc_profile": image.info["icc_profile"]} if image.info.get("icc_profile") else {}
        deep = _is_deep(image)  # asked first: to look for EXIF is to decode, and then the file's depth is forgotten
        orientation = image.getexif().get(_ORIENTATION, 1)
        if deep:
            array = _UPRIGHT.get(orientation, _UPRIGHT[1])(_deep_array(path, image))
        else:
            array = _shallow_array(ImageOps.exif_transpose(image))
        exif = image.getexif()
        if exif:
            exif[_ORIENTATION] = 1
            metadata["exif"] = exif.tobytes()
    tensor = to_float(_planes(array))
    bits = 16 if deep else 8
    if tensor.shape[0] in (2, 4):
        return ImageFile(tensor[:-1], tensor[-1:], bits, metadata)
    return ImageFile(tensor, None, bits, metadata)


def size(path: Path) -> tuple[int, int]:
    """Width and height of an image, turned upright, from the head of its file.

    Raises:
        DarkroomError: the file is missing, broken, or of a kind that cannot be read.
    """
    with _said_in_one_line(path), Image.open(path) as image:
        width, height = image.size
        return (height, width) if _orientation(image) > 4 else (width, height)


def is_upright(path: Path) -> bool:
    """Whether the first row of pixels in the file is the image's uppermost; a camera held on its side only says so in EXIF.

    Raises:
        DarkroomError: the file is missing, broken, or of a kind that cannot be read.
    """
    with _said_in_one_line(path), Image.open(path) as image:
        return _orientation(image) == 1


def _orientation(image: Image.Image) -> int:
    """EXIF's, 1 to 8, without decoding the pixels (which a PNG without it would cost)."""
    asked = image.format != "PNG" or "exif" in image.info
    return int(image.getexif().get(_ORIENTATION, 1)) if asked else 1


def read_uint8(path: Path, *, grey: bool = False) -> UInt8[Tensor, "channel height width"]:
    """Read an image for training or evaluating: 8 bits, RGB (or grey), transparency dropped.

    Raises:
        DarkroomError: the file is missing, broken, or of a kind that cannot be read.
    """
    with _said_in_one_line(path), Image.open(path) as image:
        deep = _is_deep(image)
        pixels = to_uint8(read(path).pixels) if deep else _planes(_shallow_array(ImageOps.exif_transpose(image)))
    pixels = pixels[:-1] if pixels.shape[0] in (2, 4) else pixels
    if grey:
        return to_grey(pixels) if pixels.shape[0] == 3 else pixels
    return pixels.expand(3, -1, -1).contiguous()


def write(path: Path, image: ImageFile) -> None:
    """Write an image in the format its name ends with, whole or not at all.

    16 bits and transparency are kept where the format can (PNG, TIFF; WebP keeps transparency).

    Raises:
        DarkroomError: the ending is unknown, the format cannot hold the image, or the disk is full.
    """
    ending = path.suffix.lower()
    if ending not in WRITABLE:
        raise DarkroomError(f"cannot write {path}: {ending or 'no ending'!r} is not one of {', '.join(sorted(WRITABLE))}")
    if image.alpha is not None and ending in (".jpg", ".jpeg", ".bmp"):
        raise DarkroomError(f"cannot write {path}: this format holds no transparency; give a name ending in .png")
    deep = image.bits == 16 and ending in (".png", ".tif", ".tiff")
    array = _array(image, deep)
    with replacing(path) as temporary:
        if deep:
            _write_deep(temporary, array, ending)
        else:
            format_ = WRITABLE[ending]
            encoded = Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
            options = {} if format_ == "BMP" else image.metadata
            encoded.save(temporary, format=format_, **_QUALITY.get(format_, {}), **options)


def _array(image: ImageFile, deep: bool) -> np.ndarray:
    """(height, width, channel) as the file holds it; made in strips, so that a large image is not held twice more."""
    planes = [image.pixels] if image.alpha is None else [image.pixels, image.alpha]
    height, width = image.pixels.shape[1:]
    array = np.empty((height, width, sum(map(len, planes))), np.uint16 if deep else np.uint8)
    for top in range(0, height, 256):
        strip = torch.cat([plane[:, top : top + 256] for plane in planes]).permute(1, 2, 0)
        array[top : top + 256] = (strip.clamp(0, 1).double() * 65535).round().numpy() if deep else to_uint8(strip).numpy()
    return array


def _is_deep(image: Image.Image) -> bool:
    if image.mode.startswith("I"):
        return True
    if image.format == "PNG":
        return any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (8,))) > 8  # type: ignore[attr-defined]
    return False


def _deep_array(path: Path, image: Image.Image) -> np.ndarray:
    if image.format == "PNG":
        from torchvision.io import ImageReadMode, decode_image, read_file

        return decode_image(read_file(str(path)), ImageReadMode.UNCHANGED).permute(1, 2, 0).numpy().astype(np.uint16)
    if image.format == "TIFF":
        import tifffile

        array = tifffile.imread(path)
        if array.dtype != np.uint16:
            raise DarkroomError(f"{path}: a TIFF of {array.dtype} numbers; 8 and 16 bits can be read")
        return array
    return np.asarray(image).astype(np.uint16)


def _shallow_array(image: Image.Image) -> np.ndarray:
    if image.mode == "F":
        raise DarkroomError("pixels are floating-point numbers without a stated range; convert to 16 bits first")
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode in ("1", "L"):
        image = image.convert("LA" if "transparency" in image.info else "L")
    elif image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    return np.asarray(image)


def _planes(array: np.ndarray) -> Tensor:
    """(height, width[, channel]) to a tensor (channel, height, width) of its own."""
    return torch.from_numpy(np.array(np.atleast_3d(array).transpose(2, 0, 1), order="C"))


def _write_deep(path: Path, array: np.ndarray, ending: str) -> None:
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
        extra = ["unassalpha"] if channels == 4 else None
        kind = "rgb" if channels >= 3 else "minisblack"
        planes = array[..., 0] if channels == 1 else array
        tifffile.imwrite(path, planes, photometric=kind, extrasamples=extra, planarconfig="contig" if channels > 1 else None)


class _said_in_one_line:  # noqa: N801  (reads as a phrase where it is used)
    """Turn what the decoders raise on rubbish into one line with the file's name."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        self.quiet = warnings.catch_warnings()
        self.quiet.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        self.quiet.__exit__(None, None, None)
        if isinstance(error, DarkroomError) and str(self.path) not in str(error):
            raise DarkroomError(f"{self.path}: {error}") from error
        if isinstance(error, FileNotFoundError):
            raise DarkroomError(f"no image at {self.path}") from error
        if isinstance(error, Exception) and not isinstance(error, DarkroomError):
            reason = "not an image, or a broken one" if isinstance(error, Image.UnidentifiedImageError) else str(error)
            raise DarkroomError(f"{self.path} cannot be read: {reason}") from error
