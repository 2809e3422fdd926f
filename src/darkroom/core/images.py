"""Reading and writing images: the one place where files and integers become float in [0, 1], and back."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.files import write_bytes
from darkroom.core.image_codecs import Source, count_frames, opened
from darkroom.core.image_decoding import decode
from darkroom.core.image_encoding import encode
from darkroom.core.image_formats import HOLDS_16_BITS, HOLDS_TRANSPARENCY, READABLE, WRITABLE
from darkroom.core.image_metadata import orientation, read_metadata, size_as_stored, upright

__all__ = [
    "READABLE",
    "WRITABLE",
    "ImageFile",
    "frames",
    "is_image",
    "is_upright",
    "read",
    "read_ids",
    "read_uint8",
    "round_to_8_bits",
    "size",
    "to_float",
    "to_grey",
    "to_uint8",
    "write",
]

_ROWS = 256  # converted at a time, to bound the memory of temporary copies


@dataclass(frozen=True)
class ImageFile:
    """The content of an image file.

    Args:
        pixels: grey `(1, height, width)` or RGB `(3, height, width)`, float32 in [0, 1], upright.
        alpha: opacity `(1, height, width)` in [0, 1], or None.
        bits: 8 or 16, the depth of the file.
        metadata: what is written back unchanged (`exif`, `icc_profile`).
        remarks: what was lost or changed as the file was read, each in a few words.
    """

    pixels: Float[Tensor, "channel height width"]
    alpha: Float[Tensor, "1 height width"] | None = None
    bits: int = 8
    metadata: dict[str, bytes] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def to_float(pixels: Tensor) -> Tensor:
    """Integers (uint8: 0–255, uint16: 0–65535) to float32 in [0, 1]."""
    return pixels.to(torch.float32) / (65535 if pixels.dtype == torch.uint16 else 255)


def to_uint8(pixels: Float[Tensor, "..."]) -> UInt8[Tensor, "..."]:
    """Float in [0, 1] to 0–255, clipped and rounded to nearest."""
    return (pixels.float() * 255).round_().clamp_(0, 255).to(torch.uint8)


def round_to_8_bits(pixels: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Clip to [0, 1] and round to multiples of 1/255, as writing and reading an 8-bit file does; stays float."""
    return (pixels.float() * 255).round_().clamp_(0, 255).div_(255)


def to_grey(pixels: UInt8[Tensor, "3 height width"]) -> UInt8[Tensor, "1 height width"]:
    """Luma of an 8-bit RGB image, ITU-R BT.601: (299 R + 587 G + 114 B) / 1000, rounded to 8 bits.

    The grey BSD68 of the denoising tables was made with these weights.
    """
    r, g, b = pixels.to(torch.int32)
    return ((299 * r + 587 * g + 114 * b + 500) // 1000).to(torch.uint8)[None]


def is_image(x: Tensor) -> bool:
    """Whether a tensor of an example is an image `(channel, height, width)`: uint8 or float. Labels are int64."""
    return x.ndim == 3 and (x.dtype == torch.uint8 or x.is_floating_point())


def read(source: Source) -> ImageFile:
    """Read an image file: 8 or 16 bits, grey or colour, with or without transparency, turned upright.

    Palettes become RGB, and CMYK becomes sRGB through its colour profile. Of an animation or of several pages, the first is
    read, with a remark. EXIF and the colour profile are kept if they can be.

    Raises:
        DarkroomError: the file is missing, broken, of a kind that cannot be read, or larger than `core.image_limits` allows.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     remarks = write(Path(folder) / "grey.png", ImageFile(torch.full((1, 4, 6), 0.2)))
        ...     image = read(Path(folder) / "grey.png")
        >>> tuple(image.pixels.shape), image.bits, round(image.pixels.max().item(), 4), image.remarks
        ((1, 4, 6), 8, 0.2, ())
    """
    with opened(source) as image:
        decoded = decode(source, image)
        metadata = read_metadata(image, decoded.channels)
        remarks = (*decoded.remarks, *metadata.remarks)
        count = count_frames(source, image)
    if count > 1:
        remarks = (f"the first of {count} frames", *remarks)
    planes = _float_planes(upright(decoded.array, metadata.orientation))
    alpha = planes[-1:] if planes.shape[0] in (2, 4) else None
    bits = 16 if decoded.array.dtype == np.uint16 else 8
    return ImageFile(planes if alpha is None else planes[:-1], alpha, bits, metadata.kept, remarks)


def read_uint8(source: Source, *, grey: bool = False) -> UInt8[Tensor, "channel height width"]:
    """Read an image for training or evaluation: 8 bits, RGB (or grey), upright, without transparency.

    Raises:
        DarkroomError: as for `read`.
    """
    with opened(source) as image:
        array = decode(source, image).array
        array = upright(array, orientation(image))
    pixels = _planes(array) if array.dtype == np.uint8 else to_uint8(_float_planes(array))
    pixels = pixels[:-1] if pixels.shape[0] in (2, 4) else pixels
    if grey:
        return to_grey(pixels) if pixels.shape[0] == 3 else pixels
    return pixels.expand(3, -1, -1).contiguous()


def read_ids(source: Source) -> Integer[Tensor, "1 height width"]:
    """Read a label map: one class id for each pixel, uint8 from an 8-bit file and int32 from a 16-bit one.

    Raises:
        DarkroomError: the file is missing or broken, has colours or a palette instead of ids, or was compressed with loss.
    """
    with opened(source) as image:
        if image.format == "JPEG":
            raise DarkroomError("a label map in a JPEG has lost its ids; it must be a PNG")
        if image.mode not in ("1", "L") and not image.mode.startswith("I"):
            found = "a palette" if image.mode == "P" else f"colours ({image.mode})"
            raise DarkroomError(f"this label map has {found} instead of ids; save one id for each pixel as a grey PNG")
        array = np.asarray(image)
    return _planes(array.astype(np.uint8 if array.itemsize == 1 else np.int32))


def size(source: Source) -> tuple[int, int]:
    """Width and height of an image, turned upright, from the head of its file.

    Raises:
        DarkroomError: the file is missing, broken, or of a kind that cannot be read.
    """
    with opened(source) as image:
        width, height = size_as_stored(image)
        return (height, width) if orientation(image) > 4 else (width, height)


def is_upright(source: Source) -> bool:
    """Whether the file's rows of pixels are the image's, from top to bottom; otherwise EXIF says how to turn them.

    Raises:
        DarkroomError: the file is missing, broken, or of a kind that cannot be read.
    """
    with opened(source) as image:
        return orientation(image) == 1


def frames(source: Source) -> int:
    """Number of frames of an animation, or of pages of a TIFF; 1 for other files. `read` reads the first.

    Raises:
        DarkroomError: the file is missing, broken, or of a kind that cannot be read.
    """
    with opened(source) as image:
        return count_frames(source, image)


def write(path: Path, image: ImageFile) -> tuple[str, ...]:
    """Write an image in the format that its name ends with, and return remarks on what the format cannot hold.

    16 bits and transparency are kept where the format can (PNG, TIFF; WebP keeps transparency). The file is encoded in memory
    first; on failure the old file stays as it was.

    Raises:
        DarkroomError: the ending is unknown, the format cannot hold the image, or the disk is full.

    Example:
        >>> write(Path("image.xyz"), ImageFile(torch.zeros(3, 8, 8)))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        darkroom.core.errors.DarkroomError: cannot write image.xyz: '.xyz' is not one of .bmp, .jpeg, ...
    """
    format_ = WRITABLE.get(path.suffix.lower())
    if format_ is None:
        ending = path.suffix.lower() or "no ending"
        raise DarkroomError(f"cannot write {path}: {ending!r} is not one of {', '.join(sorted(WRITABLE))}")
    if image.alpha is not None and format_ not in HOLDS_TRANSPARENCY:
        raise DarkroomError(f"cannot write {path}: this format holds no transparency; give a name ending in .png")
    deep = image.bits == 16 and format_ in HOLDS_16_BITS
    try:
        encoded = encode(_array(image, deep), format_, image.metadata)
    except DarkroomError as error:
        raise DarkroomError(f"cannot write {path}: {error}") from error
    write_bytes(path, *encoded.parts)
    return (f"{format_} holds 8 bits: written with 8", *encoded.remarks) if image.bits == 16 and not deep else encoded.remarks


def _array(image: ImageFile, deep: bool) -> np.ndarray:
    """(height, width, channel) for a file of 8 or 16 bits; made in strips, to bound the memory of temporary copies."""
    planes = [image.pixels] if image.alpha is None else [image.pixels, image.alpha]
    height, width = image.pixels.shape[1:]
    array = np.empty((height, width, sum(map(len, planes))), np.uint16 if deep else np.uint8)
    for top in range(0, height, _ROWS):
        strip = torch.cat([plane[:, top : top + _ROWS] for plane in planes]).permute(1, 2, 0)
        array[top : top + _ROWS] = (strip.clamp(0, 1).double() * 65535).round().numpy() if deep else to_uint8(strip).numpy()
    return array


def _planes(array: np.ndarray) -> Tensor:
    """(height, width[, channel]) to a tensor (channel, height, width) with memory of its own."""
    return torch.from_numpy(np.array(np.atleast_3d(array).transpose(2, 0, 1), order="C"))


def _float_planes(array: np.ndarray) -> Float[Tensor, "channel height width"]:
    """(height, width[, channel]), uint8 or uint16, to float32 in [0, 1]."""
    array = np.atleast_3d(array)
    planes = torch.empty(array.shape[2], *array.shape[:2])
    for top in range(0, array.shape[0], _ROWS):
        planes[:, top : top + _ROWS] = to_float(_planes(array[top : top + _ROWS]))
    return planes
