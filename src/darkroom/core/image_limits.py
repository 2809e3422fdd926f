"""A limit on the pixels of an image file, checked before anything is decoded."""

import os

from darkroom.core.errors import DarkroomError

VARIABLE = "DARKROOM_MAX_PIXELS"
LARGEST = 200_000_000
SMALL = 1 << 25
PIXELS_PER_BYTE = 64


def require_pixels(width: int, height: int, file_bytes: int) -> None:
    """Refuse an image that would take too much memory, by the size that its file declares.

    Without `$DARKROOM_MAX_PIXELS`, an image has at most 200 million pixels; above 2²⁵ pixels it has also at most 64 for each
    byte of its file. Photographs have fewer than that, and a file of a megabyte cannot fill the memory. With
    `$DARKROOM_MAX_PIXELS`, that number is the only limit.

    Args:
        width, height: as declared by the file's header.
        file_bytes: size of the file.

    Raises:
        DarkroomError: the image is larger; the line says how to raise the limit.

    Example:
        >>> require_pixels(6000, 4000, 9_000_000)
        >>> require_pixels(20_000, 9_000, 1_000_000)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        darkroom.core.errors.DarkroomError: it declares 20000x9000 pixels in a file of 1.0 MB, more than 64 for each byte, ...
    """
    given, pixels = os.environ.get(VARIABLE), width * height
    if given is not None and (not given.isdecimal() or int(given) < 1):
        raise DarkroomError(f"{VARIABLE} is {given!r}; it must be a number of pixels, for example {LARGEST}")
    largest = LARGEST if given is None else int(given)
    declared, remedy = f"it declares {width}x{height} pixels", f"set {VARIABLE}={pixels} to read it nevertheless"
    if pixels > largest:
        raise DarkroomError(f"{declared}, more than the limit of {largest}; {remedy}")
    if given is None and pixels > max(SMALL, PIXELS_PER_BYTE * file_bytes):
        size = f"{file_bytes / 1e6:.1f} MB"
        raise DarkroomError(f"{declared} in a file of {size}, more than {PIXELS_PER_BYTE} for each byte, as bombs do; {remedy}")
