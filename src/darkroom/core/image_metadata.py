"""EXIF and colour profiles of image files."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageCms

ORIENTATION = 0x0112
"""The EXIF tag."""

# EXIF orientation 1…8 as operations on (height, width[, channel]) that turn the image upright.
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

# TIFF tags that describe how pixels are stored, or hold blocks of data of other kinds than EXIF.
_OF_STORAGE = frozenset([
    *range(254, 267), 273, *range(277, 282), 284, *range(288, 294), 297, 301, *range(317, 326), 330, *range(332, 348),
    *range(512, 522), *range(529, 533), 559, 700, 33723, 34377, 34675, 37724,
])  # fmt: skip

_DESCRIPTION = 270
_OF_LAYOUT = ('{"shape"', "ImageJ=", "<?xml")
"""How descriptions begin by which tifffile, ImageJ and OME state the order of the pixels in a file; that of another file differs."""

_SPACES = {1: b"GRAY", 3: b"RGB "}
_HEADER = 128  # bytes of a colour profile


@dataclass(frozen=True)
class Metadata:
    """What is kept of an image file beside its pixels.

    Args:
        orientation: EXIF's, 1 to 8.
        kept: what Pillow writes back unchanged (`exif`, `icc_profile`).
        remarks: what could not be kept.
    """

    orientation: int
    kept: dict[str, bytes]
    remarks: tuple[str, ...] = ()


def read_metadata(image: Image.Image, channels: int) -> Metadata:
    """EXIF (with orientation 1, without thumbnail) and the colour profile, if they fit pixels of 1 or 3 channels.

    Call it after the pixels were decoded: finding EXIF behind the pixels of a PNG may decode them.
    """
    kept, remarks = {}, []
    profile = image.info.get("icc_profile")
    if profile and image.mode not in ("CMYK", "LAB"):
        if len(profile) >= _HEADER and profile[16:20] != _SPACES[channels]:
            remarks.append("its colour profile is for pixels of another kind, and was left out")
        else:
            kept["icc_profile"] = bytes(profile)
    turn = 1
    try:
        exif = image.getexif() if may_have_exif(image) else Image.Exif()
        if not exif and image.info.get("exif"):
            raise ValueError("Pillow could not read it")
        turn = _turn(exif)
        if described(exif):
            exif[ORIENTATION] = 1
            exif.bigtiff = False  # how a BigTIFF stores it; elsewhere it is an ordinary TIFF
            kept["exif"] = exif.tobytes()
    except Exception:  # damaged EXIF raises every kind of exception
        remarks.append("its EXIF is damaged, and was left out")
    return Metadata(turn, kept, tuple(remarks))


def described(exif: Image.Exif) -> Image.Exif:
    """EXIF without the tags that describe how a TIFF file stores pixels."""
    for tag in _OF_STORAGE & set(exif):
        del exif[tag]
    if str(exif.get(_DESCRIPTION, "")).startswith(_OF_LAYOUT):
        del exif[_DESCRIPTION]
    return exif


def orientation(image: Image.Image) -> int:
    """EXIF's, 1 to 8; 1 where there is none, or a damaged one."""
    try:
        return _turn(image.getexif()) if may_have_exif(image) else 1
    except Exception:  # damaged EXIF raises every kind of exception
        return 1


def size_as_stored(image: Image.Image) -> tuple[int, int]:
    """Width and height before EXIF turns the image; Pillow states those of a TIFF as turned."""
    if image.format == "TIFF":
        return image.tag_v2[256], image.tag_v2[257]  # type: ignore[attr-defined]
    return image.size


def may_have_exif(image: Image.Image) -> bool:
    """Whether `getexif` should be called. It would decode the pixels of a PNG without EXIF; its chunks are listed instead."""
    if (
        image.format != "PNG"
        or "exif" in image.info
        or any("xmp" in str(key) or "Raw profile" in str(key) for key in image.info)
    ):
        return True
    file = image.fp  # type: ignore[attr-defined]
    if file is None:  # the pixels are decoded already
        return False
    before, found = file.tell(), False
    file.seek(8)
    while not found and len(head := file.read(8)) == 8:
        found = head[4:] == b"eXIf"
        file.seek(int.from_bytes(head[:4], "big") + 4, io.SEEK_CUR)
    file.seek(before)
    return found


def upright(array: np.ndarray, exif_orientation: int) -> np.ndarray:
    """Pixels `(height, width[, channel])`, turned as EXIF says."""
    return _UPRIGHT[exif_orientation](array)


def to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """CMYK or L*a*b* to sRGB through the image's colour profile, with a remark on how; without one, by the plain formula."""
    profile = image.info.get("icc_profile", b"")
    source: Any = None
    if image.mode == "LAB":
        source = ImageCms.createProfile("LAB")
    elif profile[16:20] == b"CMYK":
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source is not None:
        try:
            converted = ImageCms.profileToProfile(
                image,
                source,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            how = "L*a*b*" if image.mode == "LAB" else "CMYK, through its colour profile"
            return converted, f"converted to sRGB from {how}"  # type: ignore[return-value]
        except ImageCms.PyCMSError:
            pass
    return image.convert("RGB"), "converted to RGB from CMYK, without a usable colour profile: colours are approximate"


def _turn(exif: Image.Exif) -> int:
    found = str(exif.get(ORIENTATION, 1))
    return int(found) if found in map(str, _UPRIGHT) else 1
