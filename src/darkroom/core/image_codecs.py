"""Opening image files, on disk or in memory, without decoding them: kind, size, number of frames."""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError, features

from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.core.image_limits import require_pixels

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "PPM", "GIF")
"""What Pillow may open; some of its other decoders start programs."""

_FEW = 16  # pages; among more than that, thumbnails are not looked for

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}

_limit = threading.RLock()


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
        DarkroomError: the file is missing, broken, of a kind that cannot be read, or has more pixels than `image_limits` allows.
    """
    _ignore_warnings()
    try:
        with _binary(source) as file, _identified(file) as image:
            require_pixels(*image.size, size_in_bytes(source))
            with _allowed(image.width * image.height):
                yield image
    except DarkroomError as error:
        if str(source) in str(error):
            raise
        raise DarkroomError(f"{source}: {error}") from error
    except UnidentifiedImageError as error:
        raise DarkroomError(f"{source} cannot be read: {_unidentified(source)}") from error
    except MemoryError as error:
        raise DarkroomError(f"{source} cannot be read: it does not fit into memory") from error
    except Exception as error:  # broken files raise every kind of exception
        raise DarkroomError(f"{source} cannot be read: {error or type(error).__name__}") from error


def count_frames(source: Source, image: Image.Image) -> int:
    """Number of frames of an animation, or of pages of a TIFF without thumbnails; 1 for every other file.

    Changes the frame that `image` decodes: call it last.
    """
    if image.format == "MPO":  # a JPEG with previews or a map of its brightness, not an animation
        return 1
    if image.format == "TIFF":
        return _pages(source, image) if image.tag_v2.next else 1  # type: ignore[attr-defined]
    return int(getattr(image, "n_frames", 1))


def file_of(source: Source) -> Path | io.BytesIO:
    """What decoders read from."""
    return io.BytesIO(source.content) if isinstance(source, Encoded) else source


def content_of(source: Source) -> bytes:
    """The whole file."""
    return source.content if isinstance(source, Encoded) else source.read_bytes()


def size_in_bytes(source: Source) -> int:
    """The size of the file."""
    return len(source.content) if isinstance(source, Encoded) else source.stat().st_size


@contextmanager
def _binary(source: Source) -> Iterator[io.BufferedIOBase]:
    """The file as Pillow should read it: by its path, it would be mapped to memory, which garbles TIFFs that EXIF turns."""
    if isinstance(source, Encoded):
        yield io.BytesIO(source.content)
    elif source.is_file():
        with source.open("rb") as file:
            yield file
    else:
        raise DarkroomError(f"{source} is not a file" if source.exists() else f"no image at {source}")


def _identified(file: io.BufferedIOBase) -> Image.Image:
    head = file.read(64)
    file.seek(0)
    kind = _media_kind(head)
    if kind == "HEIF":
        return _open_heif(file)
    if kind == "AVIF" and not features.check("avif"):
        raise DarkroomError("AVIF needs Pillow 11.3 or newer: run `pip install --upgrade pillow`")
    with _without_limit():
        return Image.open(file, formats=["AVIF"] if kind == "AVIF" else FORMATS)  # type: ignore[arg-type]


def _open_heif(file: io.BufferedIOBase) -> Image.Image:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise DarkroomError(f"HEIC needs pillow-heif: {install('heif')}, or save the image as JPEG or PNG") from error
    return HeifImageFile(file)  # type: ignore[no-any-return]


@contextmanager
def _without_limit() -> Iterator[None]:
    """Without Pillow's own limit on pixels: it is a global variable, and lower than ours."""
    with _limit:
        usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _allowed(pixels: int) -> AbstractContextManager[None]:
    """Decoding is limited by Pillow too; where that would refuse the image, one thread decodes at a time."""
    limit = Image.MAX_IMAGE_PIXELS
    return nullcontext() if limit is None or pixels <= 2 * limit else _without_limit()


def _media_kind(head: bytes) -> str | None:
    """AVIF or HEIF by the brands in the first box of the file, whatever its name ends with; None for other files."""
    if head[4:8] != b"ftyp":
        return None
    box = head[: int.from_bytes(head[:4], "big")]
    brands = {box[8:12], *(box[start : start + 4] for start in range(16, len(box), 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def _unidentified(source: Source) -> str:
    with _binary(source) as file:
        tiff = file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    if tiff:
        return "a broken TIFF, or one of an unusual kind; TIFFs with grey or RGB pixels of 8 or 16 bits can be read"
    return "not an image, or a broken one"


def _pages(source: Source, image: Image.Image) -> int:
    try:
        import tifffile
    except ImportError:  # thumbnails are counted too
        return int(image.n_frames)  # type: ignore[attr-defined]
    with tifffile.TiffFile(file_of(source)) as file:
        pages: Any = file.pages
        return len(pages) if len(pages) > _FEW else max(1, sum(not page.is_reduced for page in pages))


@lru_cache(maxsize=1)
def _ignore_warnings() -> None:
    """Pillow warns of oddities that do not change the pixels. Set once: restoring filters is not safe in threads."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
