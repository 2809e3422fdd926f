"""Arrays to the bytes of image files, in memory, so that a failure leaves no file."""

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from darkroom.core.errors import DarkroomError
from darkroom.core.image_formats import HOLDS_METADATA, LARGEST_EXIF, LARGEST_SIDE
from darkroom.core.image_metadata import described

_QUALITY: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}
_ROWS = 256  # compressed at a time
_LARGEST_TIFF = (1 << 32) - (1 << 25)  # bytes; its offsets have 32 bits


@dataclass(frozen=True)
class EncodedFile:
    """A file's content.

    Args:
        parts: one after the other.
        remarks: what the format cannot hold and was left out.
    """

    parts: list[bytes | memoryview]
    remarks: tuple[str, ...] = ()


def encode(array: np.ndarray, format_: str, metadata: Mapping[str, bytes]) -> EncodedFile:
    """Encode pixels `(height, width, channel)`, uint8 or (PNG, TIFF) uint16.

    Metadata that the format cannot hold is left out with a remark: all of it in a BMP, EXIF of more than 64 KB in a JPEG, and
    whatever an encoder refuses.

    Args:
        array: grey, grey and alpha, RGB, or RGB and alpha.
        format_: in Pillow's words.
        metadata: `exif` and `icc_profile`, both optional.

    Raises:
        DarkroomError: the image is too large for the format, or the encoder fails.
    """
    height, width = array.shape[:2]
    if max(height, width) > LARGEST_SIDE.get(format_, max(height, width)):
        side = LARGEST_SIDE[format_]
        raise DarkroomError(f"{format_} holds at most {side}x{side} pixels, not {width}x{height}; give a name ending in .png")
    kept, remarks = dict(metadata), []
    if format_ not in HOLDS_METADATA and kept:
        remarks.append(f"{format_} holds neither EXIF nor a colour profile: left out")
        kept = {}
    size = len(kept.get("exif", b""))
    if size > LARGEST_EXIF.get(format_, size):
        remarks.append(f"its EXIF of {size / 1000:.0f} kB does not fit into a {format_} and was left out")
        del kept["exif"]
    try:
        return EncodedFile(_encoded(array, format_, kept), tuple(remarks))
    except Exception as error:  # encoders raise every kind of exception
        if not kept or isinstance(error, MemoryError | DarkroomError):
            raise _refused(error) from error
    try:
        parts = _encoded(array, format_, {})
    except Exception as error:  # it was not the metadata
        raise _refused(error) from error
    return EncodedFile(parts, (*remarks, f"its EXIF and colour profile cannot be written as {format_} and were left out"))


def _refused(error: Exception) -> DarkroomError:
    if isinstance(error, DarkroomError):
        return error
    reason = "it does not fit into memory" if isinstance(error, MemoryError) else str(error) or type(error).__name__
    return DarkroomError(f"the encoder refuses it ({reason}); give a name with another ending, for example .png")


def _encoded(array: np.ndarray, format_: str, metadata: Mapping[str, bytes]) -> list[bytes | memoryview]:
    if array.dtype == np.uint16:
        return list(_png(array, metadata)) if format_ == "PNG" else _tiff(array, metadata)
    file = io.BytesIO()
    image = Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
    image.save(file, format=format_, **_QUALITY.get(format_, {}), **metadata)
    return [file.getbuffer()]


def _png(array: np.ndarray, metadata: Mapping[str, bytes]) -> Iterator[bytes]:
    """16-bit PNG; every row is stored as differences to the pixel on the left (filter 1), big-endian, deflated."""
    height, width, channels = array.shape
    yield b"\x89PNG\r\n\x1a\n"
    yield _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0))
    if "icc_profile" in metadata:
        yield _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata["icc_profile"]))
    if "exif" in metadata:
        yield _chunk(b"eXIf", metadata["exif"].removeprefix(b"Exif\0\0"))
    compressor = zlib.compressobj(4)
    for top in range(0, height, _ROWS):
        strip = array[top : top + _ROWS].astype(">u2").view(np.uint8).reshape(-1, 2 * width * channels)
        rows = np.ones((len(strip), strip.shape[1] + 1), np.uint8)
        rows[:, 1:] = strip
        rows[:, 1 + 2 * channels :] -= strip[:, : -2 * channels]
        block = compressor.compress(rows.tobytes())
        if block:
            yield _chunk(b"IDAT", block)
    yield _chunk(b"IDAT", compressor.flush())
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _tiff(array: np.ndarray, metadata: Mapping[str, bytes]) -> list[bytes | memoryview]:
    """16-bit TIFF in one strip, without compression, little-endian."""
    if array.shape[2] == 2:  # few programs read grey with transparency from a TIFF
        array = array[..., [0, 0, 0, 1]]
    array = np.ascontiguousarray(array, dtype="<u2")
    if array.nbytes > _LARGEST_TIFF:
        raise DarkroomError(
            f"a TIFF holds at most 4 GB, and this image has {array.nbytes / 1e9:.1f}; give a name ending in .png"
        )
    height, width, channels = array.shape
    directory = ImageFileDirectory_v2()
    exif = Image.Exif()
    exif.load(metadata.get("exif", b""))
    for tag in described(exif):
        directory[tag] = exif.get_ifd(tag) if tag in (0x8769, 0x8825) else exif[tag]
    tags = {256: width, 257: height, 258: (16,) * channels, 259: 1, 262: 2 if channels > 1 else 1, 273: 0, 277: channels}
    tags |= {278: height, 279: array.nbytes, 284: 1} | ({338: 2} if channels == 4 else {})
    tags |= {34675: metadata["icc_profile"]} if "icc_profile" in metadata else {}
    for tag, value in tags.items():
        directory[tag] = value
    directory.tagtype[273] = directory.tagtype[279] = 4  # 32 bits, whatever the value
    head = io.BytesIO()
    directory.save(head)  # Pillow moves the strip behind the directory
    return [head.getvalue(), array.reshape(-1).view(np.uint8).data]
