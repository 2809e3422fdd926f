"""Declared sizes are compared with limits before anything is decoded."""

import io
import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.image_codecs import Encoded
from darkroom.core.image_limits import require_pixels


def png_that_declares(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def tiff_that_declares(width: int, height: int) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((9, 7, 3), np.uint16), photometric="rgb", compression="zlib")
    content = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(content)) as opened:
        tags = opened.pages[0].tags
        for name, value in (("ImageWidth", width), ("ImageLength", height), ("RowsPerStrip", height)):
            tag = tags[name]
            content[tag.valueoffset : tag.valueoffset + 4] = struct.pack(
                {3: "<HH", 4: "<I"}[tag.dtype], *[value] + [0] * (tag.dtype == 3)
            )
    return bytes(content)


@pytest.mark.parametrize("make", [png_that_declares, tiff_that_declares])
@pytest.mark.parametrize("read", [images.read, images.read_uint8, images.size, images.frames])
def test_a_small_file_that_declares_many_pixels_is_refused(make, read):
    for width, words in [(20_000, "more than the limit of 200000000"), (9_000, "more than 64 for each byte")]:
        with pytest.raises(
            DarkroomError, match=f"x.file: it declares {width}x{width} pixels.*{words}.*DARKROOM_MAX_PIXELS={width**2}"
        ):
            read(Encoded("x.file", make(width, width)))


def test_refusing_takes_no_memory():
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (300 << 20), hard))
    try:
        with pytest.raises(DarkroomError, match="it declares 9000x9000"):  # decoded, it has 486 MB
            images.read(Encoded("x.tif", tiff_that_declares(9000, 9000)))
        with pytest.raises(DarkroomError, match=r"memory|allocate"), pytest.MonkeyPatch.context() as patch:
            patch.setenv("DARKROOM_MAX_PIXELS", "100000000")
            images.read(Encoded("x.tif", tiff_that_declares(9000, 9000)))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_the_limit_can_be_changed(tmp_path: Path, monkeypatch):
    Image.new("L", (300, 200)).save(tmp_path / "a.png")
    monkeypatch.setenv("DARKROOM_MAX_PIXELS", "59999")
    with pytest.raises(DarkroomError, match="more than the limit of 59999; set DARKROOM_MAX_PIXELS=60000"):
        images.read(tmp_path / "a.png")
    monkeypatch.setenv("DARKROOM_MAX_PIXELS", "60000")
    assert images.read(tmp_path / "a.png").pixels.shape == (1, 200, 300)
    for given in ("many", "0", "-5", "1e6"):
        monkeypatch.setenv("DARKROOM_MAX_PIXELS", given)
        with pytest.raises(DarkroomError, match=f"DARKROOM_MAX_PIXELS is '{given}'; it must be a number of pixels"):
            images.read(tmp_path / "a.png")


def test_a_raised_limit_is_beyond_that_of_pillow(monkeypatch):
    usual = Image.MAX_IMAGE_PIXELS
    monkeypatch.setenv("DARKROOM_MAX_PIXELS", "500000000")
    assert images.size(Encoded("x", png_that_declares(20_000, 20_000))) == (20_000, 20_000)
    assert usual == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("ending", ["tif", "png", "gif"])
def test_pillow_does_not_refuse_what_is_allowed(tmp_path: Path, monkeypatch, ending: str):
    Image.new("L", (300, 200), 9).save(tmp_path / f"a.{ending}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert images.read(tmp_path / f"a.{ending}").pixels.shape[1:] == (200, 300)
    assert images.read_uint8(tmp_path / f"a.{ending}").shape == (3, 200, 300) and Image.MAX_IMAGE_PIXELS == 1000


def test_photographs_are_within_the_limit(monkeypatch):
    monkeypatch.delenv("DARKROOM_MAX_PIXELS", raising=False)
    for width, height, megabytes in [(8064, 6048, 5), (14204, 10652, 60), (16320, 12240, 30), (512, 512, 0)]:
        require_pixels(width, height, megabytes * 10**6)
