"""Opened image files to arrays: 8 and 16 bits, grey or RGB, with or without alpha."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.core.image_codecs import Source, content_of, file_of
from darkroom.core.image_metadata import to_srgb

# TIFF tags and values
_BITS, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0
_SEPARATE_PLANES, _UNSPECIFIED, _PREMULTIPLIED = 2, 0, 1


@dataclass(frozen=True)
class Decoded:
    """The pixels of an image file as they are stored, before EXIF turns them.

    Args:
        array: uint8 or uint16 `(height, width[, channel])`: grey, grey and alpha, RGB, or RGB and alpha.
        remarks: what was changed.
    """

    array: np.ndarray
    remarks: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return 1 if self.array.ndim == 2 or self.array.shape[2] < 3 else 3


def decode(source: Source, image: Image.Image) -> Decoded:
    """Decode the first frame of an opened image.

    Raises:
        DarkroomError: the pixels are of a kind that cannot be read.
    """
    if not is_16_bit(image):
        return _decode_8_bit(image)
    if image.format == "PNG":
        return Decoded(_png(source, image))
    if image.mode in ("RGB", "RGBA"):
        return Decoded(_ppm(source, image) if image.format == "PPM" else _tiff(source))
    return Decoded(_grey(image))


def is_16_bit(image: Image.Image) -> bool:
    """Whether the file has more than 8 bits a channel. Call it before `getexif`, which may decode and lose the depth."""
    if image.mode.startswith("I"):
        return True
    if image.format == "PNG":
        return "16" in _raw_mode(image)
    if image.format == "PPM":
        return image.mode == "RGB" and _largest_of_ppm(image) > 255
    if image.format == "TIFF":  # CMYK is converted with 8 bits
        return image.mode != "CMYK" and _bits_of_tiff(image) > 8
    return False


def _decode_8_bit(image: Image.Image) -> Decoded:
    mode, transparent, remarks = image.mode, image.info.get("transparency"), []
    depth = _bits_of_tiff(image) if image.format == "TIFF" else image.info.get("bit_depth", 8)
    if mode == "F":
        raise DarkroomError("pixels are floating-point numbers without a stated range; convert to 16 bits first")
    if mode in ("CMYK", "LAB"):
        image, remark = to_srgb(image)
        remarks.append(remark)
    elif mode in ("1", "L"):
        if isinstance(transparent, int):  # Pillow scales the levels of a PNG of 2 or 4 bits to 8, but not this one
            image.info["transparency"] = transparent * {"L;2": 85, "L;4": 17}.get(_raw_mode(image), 1)
        image = image.convert("L" if transparent is None else "LA")
    elif mode in ("La", "RGBa"):
        image = image.convert(mode.upper())
    elif mode not in ("LA", "RGB", "RGBA") or transparent is not None:
        image = image.convert("RGBA" if transparent is not None or mode == "PA" else "RGB")
    if depth > 8:
        remarks.append(f"read with 8 of its {depth} bits")
    return Decoded(np.asarray(image), tuple(remarks))


def _png(source: Source, image: Image.Image) -> np.ndarray:
    """16-bit PNG, whose transparent colour becomes alpha."""
    import torch
    from torchvision.io import ImageReadMode, decode_image

    encoded = torch.frombuffer(bytearray(content_of(source)), dtype=torch.uint8)
    array = decode_image(encoded, ImageReadMode.UNCHANGED).permute(1, 2, 0).numpy()
    transparent = image.info.get("transparency")
    if transparent is None or array.shape[2] in (2, 4):
        return array
    opaque = (array != np.array(transparent, dtype=np.uint16)).any(2, keepdims=True)
    return np.concatenate([array, opaque.astype(np.uint16) * 65535], 2)


def _ppm(source: Source, image: Image.Image) -> np.ndarray:
    """16-bit colour PPM, which Pillow reads with 8 bits."""
    width, height = image.size
    array = np.frombuffer(content_of(source), ">u2", 3 * width * height, image.tile[0][2])  # type: ignore[attr-defined]
    return _of_16_bits(array.reshape(height, width, 3), _largest_of_ppm(image))


def _grey(image: Image.Image) -> np.ndarray:
    """16-bit grey TIFF or PGM; fewer bits are scaled, and white where 0 is white."""
    bits, photometric = 16, None
    if image.format == "TIFF":
        if not image.mode.startswith("I;16"):
            raise DarkroomError("a TIFF of 32-bit or signed numbers; unsigned ones of 8 and 16 bits can be read")
        bits, photometric = _bits_of_tiff(image), image.tag_v2.get(_PHOTOMETRIC)  # type: ignore[attr-defined]
    array = _of_16_bits(np.asarray(image), 2**bits - 1)
    return 65535 - array if photometric == _WHITE_IS_ZERO else array


def _tiff(source: Source) -> np.ndarray:
    """The first page of a 16-bit colour TIFF, whose planes may be separate and whose alpha may be premultiplied."""
    try:
        import tifffile
    except ImportError as error:
        raise DarkroomError(
            f"a TIFF in colour with 16 bits needs tifffile: {install('tiff')}, or save it as PNG with 16 bits"
        ) from error
    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it would print what is odd about a file
    with tifffile.TiffFile(file_of(source)) as file:
        page: Any = file.pages[0]
        if page.dtype != np.uint16:
            raise DarkroomError(f"a TIFF of {page.dtype} numbers; unsigned ones of 8 and 16 bits can be read")
        size, planes, extra = (page.imagelength, page.imagewidth), page.samplesperpixel, tuple(page.extrasamples)
        separate = page.planarconfig == _SEPARATE_PLANES
        if planes not in (3, 4) or page.shape != ((planes, *size) if separate else (*size, planes)):
            raise DarkroomError(f"a TIFF of shape {page.shape}; grey or RGB pixels, with or without transparency, can be read")
        array = _pixels(page)
    if separate:
        array = np.moveaxis(array, 0, -1)
    if extra[:1] == (_UNSPECIFIED,):
        return array[..., :3]
    if extra[:1] == (_PREMULTIPLIED,):
        for row in array:
            alpha = np.maximum(row[:, 3:], 1).astype(np.float64)
            row[:, :3] = np.minimum(np.round(row[:, :3] * (65535 / alpha)), 65535)
    return array


def _pixels(page: Any) -> np.ndarray:
    try:
        return page.asarray()  # type: ignore[no-any-return]
    except (KeyError, ValueError) as error:
        if "imagecodecs" not in str(error):
            raise
        how = getattr(page.compression, "name", page.compression)
        needs = f"a TIFF of 16 bits compressed by {how} needs imagecodecs"
        raise DarkroomError(f"{needs}: {install('tiff')}, or save it with ZIP or without compression") from error


def _of_16_bits(array: np.ndarray, largest: int) -> np.ndarray:
    """0–largest to 0–65535."""
    return (array if largest == 65535 else np.round(array * (65535 / largest))).astype(np.uint16)


def _raw_mode(image: Image.Image) -> str:
    """How the pixels of a PNG are stored, in Pillow's words; known until they are decoded."""
    tiles = getattr(image, "tile", ())
    return str(tiles[0][3]) if tiles else ""


def _largest_of_ppm(image: Image.Image) -> int:
    """The level of white in a binary PPM; 255 in other files."""
    tiles = getattr(image, "tile", ())
    return int(tiles[0][3][1]) if tiles and tiles[0][0] == "ppm" else 255


def _bits_of_tiff(image: Image.Image) -> int:
    return int(max(image.tag_v2.get(_BITS, (8,))))  # type: ignore[attr-defined]
