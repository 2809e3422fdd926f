"""Formats of image files by the ending of their names; importing this is cheap."""

READABLE = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".ppm", ".pgm", ".gif", ".avif", ".heic", ".heif"}
)
WRITABLE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".webp": "WEBP"}

HOLDS_16_BITS = frozenset({"PNG", "TIFF"})
HOLDS_TRANSPARENCY = frozenset({"PNG", "TIFF", "WEBP"})
HOLDS_METADATA = frozenset({"PNG", "TIFF", "WEBP", "JPEG"})

LARGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
"""Pixels; the other formats hold images of any side that fits into memory."""

LARGEST_EXIF = {"JPEG": 65_533}
"""Bytes; a segment of a JPEG file is no longer."""
