"""Kinds of image files, written by other programs: right, or one line."""

import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
import tifffile
import torch
from PIL import Image

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.image_codecs import Encoded
from darkroom.core.images import ImageFile

COLOUR = np.random.default_rng(0).integers(0, 65536, (5, 7, 4), dtype=np.uint16)
RGB, GREY = np.ascontiguousarray(COLOUR[..., :3]), np.ascontiguousarray(COLOUR[..., 0])


def tiff(array: np.ndarray, **options: Any) -> Encoded:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return Encoded("x.tif", file.getvalue())


def stored(image: ImageFile) -> np.ndarray:
    """The numbers of the file, alpha last."""
    planes = image.pixels if image.alpha is None else torch.cat([image.pixels, image.alpha])
    array = (planes.double() * (65535 if image.bits == 16 else 255)).round().permute(1, 2, 0).numpy()
    return array[..., 0] if array.shape[2] == 1 else array


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (RGB.transpose(2, 0, 1).copy(), dict(photometric="rgb", planarconfig="separate")),
        (RGB, dict(photometric="rgb", byteorder=">")),
        (RGB, dict(photometric="rgb", bigtiff=True)),
        (RGB, dict(photometric="rgb", compression="zlib", predictor=True)),
        (np.tile(RGB, (10, 10, 1)), dict(photometric="rgb", tile=(16, 16))),
        (GREY, dict(photometric="minisblack")),
        (GREY, dict(photometric="minisblack", byteorder=">")),
        (65535 - GREY, dict(photometric="miniswhite")),
        (COLOUR, dict(photometric="rgb", extrasamples=["unassalpha"])),
        (COLOUR.transpose(2, 0, 1).copy(), dict(photometric="rgb", planarconfig="separate", extrasamples=["unassalpha"])),
        (COLOUR, dict(photometric="rgb", extrasamples=["unspecified"])),
    ],
)
def test_16_bit_tiffs(array: np.ndarray, options: dict[str, Any]):
    image = images.read(tiff(array, **options))
    expected = array.transpose(1, 2, 0) if options.get("planarconfig") == "separate" else array
    expected = 65535 - array if options["photometric"] == "miniswhite" else expected
    expected = expected[..., :3] if options.get("extrasamples") == ["unspecified"] else expected
    assert image.bits == 16 and image.remarks == () and np.array_equal(stored(image), expected)
    assert images.read_uint8(tiff(array, **options)).shape == (3, *expected.shape[:2])


def test_premultiplied_alpha_is_divided_out():
    alpha = np.maximum(COLOUR[..., 3:], 4000)
    premultiplied = np.round(RGB.astype(float) * alpha / 65535).astype(np.uint16)
    image = images.read(tiff(np.concatenate([premultiplied, alpha], 2), photometric="rgb", extrasamples=["assocalpha"]))
    assert np.abs(stored(image)[..., :3] - RGB).max() <= 9 and np.array_equal(stored(image)[..., 3], alpha[..., 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_of_several_pages_the_first_is_read_with_a_remark(dtype: type):
    first, second = (RGB >> (0 if dtype == np.uint16 else 8)).astype(dtype), np.zeros((9, 4), dtype)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(first, photometric="rgb")
        writer.write(first[::2, ::2].copy(), photometric="rgb", subfiletype=1)  # a thumbnail
        writer.write(second, photometric="minisblack")
    image = images.read(Encoded("x.tif", file.getvalue()))
    assert np.array_equal(stored(image), first) and image.remarks == ("the first of 2 frames",)
    stack = tiff(np.stack([first] * 40), photometric="rgb")
    assert images.frames(stack) == 40 and np.array_equal(stored(images.read(stack)), first)


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (np.dstack([GREY, GREY]), dict(photometric="minisblack", extrasamples=["unassalpha"], planarconfig="contig")),
        (RGB.astype(np.float32), dict(photometric="rgb")),
        (GREY.astype(np.float16), dict(photometric="minisblack")),
        (GREY.astype(np.uint32), dict(photometric="minisblack")),
        (GREY.astype(np.int16), dict(photometric="minisblack")),
        (np.dstack([COLOUR, GREY]), dict(photometric="rgb", extrasamples=["unassalpha", "unspecified"])),
        (np.stack([RGB] * 4), dict(photometric="rgb", volumetric=True, tile=(16, 16, 16))),
    ],
)
def test_unusual_tiffs_are_one_line(array: np.ndarray, options: dict[str, Any]):
    for read in (images.read, images.read_uint8):
        with pytest.raises(DarkroomError, match=r"^x\.tif.*TIFF.* can be read$") as caught:
            read(tiff(array, **options))
        assert "\n" not in str(caught.value)


def test_tiffs_that_another_package_decodes():
    pytest.importorskip("imagecodecs")
    assert np.array_equal(stored(images.read(tiff(RGB, photometric="rgb", compression="lzw", predictor=True))), RGB)


def test_a_tiff_that_needs_another_package_says_which(monkeypatch):
    def refuse(self, *words, **options):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", refuse)
    with pytest.raises(DarkroomError, match=r"by .* needs imagecodecs: run `pip install '\.\[tiff\]'` in a clone of Darkroom"):
        images.read(tiff(RGB, photometric="rgb"))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_pngs(channels: int, interlaced: bool):
    array, file = COLOUR[..., :channels], io.BytesIO()
    writer = png.Writer(7, 5, bitdepth=16, greyscale=channels < 3, alpha=channels % 2 == 0, interlace=interlaced)
    writer.write_array(file, array.reshape(-1).tolist())
    image = images.read(Encoded("x.png", file.getvalue()))
    assert image.bits == 16 and np.array_equal(np.atleast_3d(stored(image)), array)


@pytest.mark.parametrize(("bits", "grey"), [(1, True), (2, True), (4, True), (8, True), (16, True), (8, False), (16, False)])
def test_the_transparent_colour_of_a_png_becomes_alpha(tmp_path: Path, bits: int, grey: bool):
    largest = 2**bits - 1
    array = (GREY if grey else RGB).astype(int) % (largest + 1)
    array[0, 0] = array[2, 3]
    transparent, file = array[2, 3], io.BytesIO()
    writer = png.Writer(
        7, 5, bitdepth=bits, greyscale=grey, transparent=int(transparent) if grey else tuple(map(int, transparent))
    )
    writer.write_array(file, array.reshape(-1).tolist())
    image = images.read(Encoded("x.png", file.getvalue()))
    opaque = array != transparent if grey else (array != transparent).any(2)
    scale = 65535 if bits == 16 else 255
    assert image.bits == (16 if bits == 16 else 8) and not opaque[0, 0]
    assert np.array_equal(stored(image), np.dstack([array * (scale // largest), opaque * scale]))
    images.write(tmp_path / "again.png", image)
    assert np.array_equal(stored(images.read(tmp_path / "again.png")), stored(image))


@pytest.mark.parametrize("largest", [1023, 65535])
def test_16_bit_ppm_and_pgm(largest: int):
    for kind, array in ((b"P6", RGB), (b"P5", GREY)):
        array = array.astype(int) % (largest + 1)
        content = kind + b"\n# made by hand\n7 5\n%d\n" % largest + array.astype(">u2").tobytes()
        image = images.read(Encoded("x.ppm", content))
        assert image.bits == 16 and np.abs(stored(image) - array * 65535 / largest).max() <= 0.5
        with pytest.raises(DarkroomError, match=r"^x\.ppm"):
            images.read(Encoded("x.ppm", content[:60]))


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_frame_is_read_with_a_remark(tmp_path: Path, ending: str):
    steps = [Image.new("RGB", (8, 8), (60 * number, 0, 0)) for number in range(3)]
    steps[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=steps[1:])
    steps[0].save(tmp_path / f"b.{ending}")
    assert images.frames(tmp_path / f"a.{ending}") == 3 and images.frames(tmp_path / f"b.{ending}") == 1
    assert images.read(tmp_path / f"a.{ending}").remarks == ("the first of 3 frames",)
    assert images.read(tmp_path / f"a.{ending}").pixels.abs().max() < 0.01
    assert images.read(tmp_path / f"b.{ending}").remarks == ()


def test_a_photograph_with_a_preview_is_no_animation(tmp_path: Path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    assert images.frames(tmp_path / "a.jpg") == 1 and images.read(tmp_path / "a.jpg").remarks == ()


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


@pytest.mark.parametrize("name", ["photo.heic", "photo.jpg"])
def test_heic_without_its_package_says_how_to_install_it(monkeypatch, name: str):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for read in (images.read, images.read_uint8, images.size):
        with pytest.raises(DarkroomError, match=rf"^{name}: HEIC needs pillow-heif: run `pip install '\.\[heif\]'` in a clone"):
            read(Encoded(name, HEIC))


def test_heic_with_its_package(tmp_path: Path):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.new("RGB", (64, 48), (200, 10, 30))).save(tmp_path / "a.heic")
    assert images.size(tmp_path / "a.heic") == (64, 48)
    pixels = images.read_uint8(tmp_path / "a.heic")[:, 20, 20].int()
    assert (pixels - torch.tensor([200, 10, 30])).abs().max() <= 2
    with pytest.raises(DarkroomError, match=r"^b\.heic cannot be read"):
        images.read(Encoded("b.heic", HEIC))


def test_avif(tmp_path: Path, monkeypatch):
    from PIL import features

    if features.check("avif"):
        Image.new("RGB", (64, 48), (200, 10, 30)).save(tmp_path / "a.avif")
        assert (images.read_uint8(tmp_path / "a.avif")[:, 20, 20].int() - torch.tensor([200, 10, 30])).abs().max() <= 3
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(DarkroomError, match=r"^x: AVIF needs Pillow 11\.3 or newer: run `pip install --upgrade pillow`$"):
        images.read(Encoded("x", HEIC.replace(b"heic", b"avif")))


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"8BPS\0\x01" + bytes(50),
        HEIC.replace(b"heic", b"isom").replace(b"mif1", b"mp42"),
    ],
)
def test_other_formats_are_not_given_to_their_programs(content: bytes):
    with pytest.raises(DarkroomError, match="x.png cannot be read: not an image, or a broken one"):
        images.read(Encoded("x.png", content))


def test_what_is_no_file_is_one_line(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path, tmp_path / "pipe.png"):  # opening a pipe would wait for ever
        with pytest.raises(DarkroomError, match="is not a file"):
            images.read(path)


def test_a_name_that_is_not_utf_8(tmp_path: Path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")) / os.fsdecode(b"\xff.png")
    for ending in images.WRITABLE:
        images.write(path.with_suffix(ending), ImageFile(torch.zeros(3, 8, 8), bits=16))
        assert images.read(path.with_suffix(ending)).pixels.shape == (3, 8, 8)
    path.write_bytes(b"not an image")
    with pytest.raises(DarkroomError, match="cannot be read") as caught:
        images.read(path)
    assert str(path) in str(caught.value)
