"""EXIF, colour profiles and orientation, in files of 8 and 16 bits."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
import pytest
import tifffile
import torch
from PIL import Image, ImageCms
from skimage.color import lab2rgb

from darkroom.core import images
from darkroom.core.image_codecs import Encoded
from darkroom.core.images import ImageFile

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def camera() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8769)[0x829D] = 2.8  # aperture
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 30.5)  # latitude
    return exif


def described(description: str) -> str | None:
    """What is kept of the two descriptions that tifffile writes; before version 13 Pillow reads the second one alone, a shape."""
    return description if int(PIL.__version__.split(".")[0]) >= 13 else None


def noise(channels: int = 3) -> torch.Tensor:
    return torch.rand(channels, 12, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("to", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("of", [".png", ".tif", ".jpg", ".webp"])
def test_exif_and_profile_are_kept_from_any_format_to_any(tmp_path: Path, of: str, to: str, bits: int):
    metadata = {"exif": camera().tobytes(), "icc_profile": SRGB}
    images.write(tmp_path / f"a{of}", ImageFile(noise(), bits=bits, metadata=metadata))
    images.write(tmp_path / f"b{to}", images.read(tmp_path / f"a{of}"))
    with Image.open(tmp_path / f"b{to}") as image:
        exif = image.getexif()
        assert exif[0x010F] == "A camera" and exif.get_ifd(0x8769)[0x829D] == 2.8
        assert exif.get_ifd(0x8825)[2] == (48.0, 12.0, 30.5)
        assert image.info["icc_profile"] == SRGB


def test_16_bit_files_of_other_programs_keep_them(tmp_path: Path):
    array = np.arange(6 * 4 * 3, dtype=np.uint16).reshape(6, 4, 3) * 900
    options = dict(photometric="rgb", iccprofile=SRGB, extratags=[(0x010F, 2, 0, "A camera", True)])
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    for path in (tmp_path / "b.tif", tmp_path / "b.png"):
        images.write(path, images.read(tmp_path / "a.tif"))
        again = images.read(path)
        assert again.bits == 16 and torch.equal(again.pixels, images.read(tmp_path / "a.tif").pixels)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        tags = file.pages[0].tags
        assert tags["Make"].value == "A camera" and tags["InterColorProfile"].value == SRGB
        assert np.array_equal(file.asarray(), array)


@pytest.mark.parametrize(
    "options",
    [dict(tile=(16, 16)), dict(photometric="miniswhite"), dict(rowsperstrip=3), dict(compression="zlib", predictor=True)],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_how_a_tiff_stored_its_pixels_is_not_metadata(tmp_path: Path, options: dict, dtype: type):
    array = np.arange(40 * 30).reshape(40, 30).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, description="a photograph", **{"photometric": "minisblack", **options})
    image = images.read(tmp_path / "a.tif")
    images.write(tmp_path / "b.tif", image)
    expected = np.iinfo(dtype).max - array if options.get("photometric") == "miniswhite" else array
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), expected)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        kept = file.pages[0].tags.get("ImageDescription")
        assert (kept and kept.value) == described("a photograph")
        assert not file.pages[0].is_tiled
    images.write(tmp_path / "c.tif", ImageFile(noise(), metadata=image.metadata))  # another kind of image
    assert tifffile.imread(tmp_path / "c.tif").shape == (12, 16, 3)


def cmyk_profile(corner: tuple[float, float, float]) -> bytes:
    """A profile in which full cyan is `corner` in L*a*b*, no ink is white, and every other corner is black."""
    white, table = (100.0, 0.0, 0.0), []
    for node in range(16):  # cyan varies slowest
        lab = {0: white, 8: corner}.get(node, (0.0, 0.0, 0.0))
        table += [round(lab[0] * 2.55), round(lab[1]) + 128, round(lab[2]) + 128]
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    curves = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + curves * 4 + bytes(table) + curves * 3
    xyz = struct.pack(">3i", 63190, 65536, 54061)
    tags = {b"wtpt": b"XYZ " + bytes(4) + xyz, b"A2B0": lut + bytes(-len(lut) % 4)}
    offset, directory = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags))
    for name, content in tags.items():
        directory += struct.pack(">4sII", name, offset, len(content))
        offset += len(content)
    head = struct.pack(">I4sI4s4s4s12s4s", offset, bytes(4), 0x02100000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp")
    return head.ljust(68, b"\0") + xyz + bytes(48) + directory + b"".join(tags.values())


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_cmyk_is_converted_through_its_profile_which_is_not_kept(tmp_path: Path, ending: str):
    lab = (60.0, -30.0, 20.0)  # a green, although the ink is called cyan
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    image.save(tmp_path / f"a.{ending}", icc_profile=cmyk_profile(lab), **({"quality": 100} if ending == "jpg" else {}))
    read = images.read(tmp_path / f"a.{ending}")
    expected = torch.from_numpy(lab2rgb(np.array([[lab]]))[0, 0]).float()
    assert (read.pixels[:, 8, 8] - expected).abs().max() < 0.04
    assert "icc_profile" not in read.metadata and read.remarks == ("converted to sRGB from CMYK, through its colour profile",)
    assert torch.equal(images.read_uint8(tmp_path / f"a.{ending}"), images.to_uint8(read.pixels))
    images.write(tmp_path / "b.png", read)
    with Image.open(tmp_path / "b.png") as again:
        assert again.mode == "RGB" and "icc_profile" not in again.info


@pytest.mark.parametrize("profile", [b"", SRGB, b"broken" * 40, cmyk_profile((50.0, 0.0, 0.0))[:600]])
def test_cmyk_without_a_usable_profile_is_said(tmp_path: Path, profile: bytes):
    Image.new("CMYK", (8, 8), (255, 0, 0, 0)).save(tmp_path / "a.tif", **({"icc_profile": profile} if profile else {}))
    read = images.read(tmp_path / "a.tif")
    assert read.pixels[:, 0, 0].tolist() == [0, 1, 1] and "icc_profile" not in read.metadata
    assert "colours are approximate" in read.remarks[0]


def test_lab_becomes_srgb():
    file = io.BytesIO()
    tifffile.imwrite(file, np.full((4, 4, 3), (128, 30, 256 - 10), np.uint8), photometric="cielab")
    expected = lab2rgb(np.array([[[128 / 2.55, 30, -10]]]))[0, 0]
    image = images.read(Encoded("x.tif", file.getvalue()))
    assert np.abs(image.pixels[:, 0, 0].numpy() - expected).max() < 0.02 and "from L*a*b*" in image.remarks[0]


@pytest.mark.parametrize(("mode", "profile"), [("L", SRGB), ("RGB", cmyk_profile((50.0, 0.0, 0.0)))])
def test_a_profile_for_pixels_of_another_kind_is_left_out(tmp_path: Path, mode: str, profile: bytes):
    Image.new(mode, (8, 8)).save(tmp_path / "a.jpg", icc_profile=profile)
    image = images.read(tmp_path / "a.jpg")
    assert "icc_profile" not in image.metadata and "colour profile is for pixels of another kind" in image.remarks[0]


def test_damaged_exif_is_left_out_with_a_remark(tmp_path: Path):
    Image.new("RGB", (8, 6)).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0no directory")
    Image.new("RGB", (8, 6)).save(tmp_path / "b.jpg", exif=b"Exif\0\0no tiff at all")
    assert images.read(tmp_path / "b.jpg").remarks == ("its EXIF is damaged, and was left out",)
    for path in (tmp_path / "a.jpg", tmp_path / "b.jpg"):
        assert images.read(path).pixels.shape == (3, 6, 8) and images.size(path) == (8, 6)


@pytest.mark.parametrize(
    ("kind", "count", "value", "turned"),
    [
        (3, 1, b"\6\0\0\0", True),
        (3, 2, b"\6\0\6\0", True),
        (2, 2, b"6\0\0\0", True),
        (3, 1, b"\x09\0\0\0", False),
        (3, 1, bytes(4), False),
        (2, 4, b"six\0", False),
        (5, 1, b"\xff\xff\0\0", False),
    ],
)
def test_an_unusual_orientation_turns_everywhere_or_nowhere(tmp_path: Path, kind: int, count: int, value: bytes, turned: bool):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI4s", 0x0112, kind, count, value) + bytes(4)
    for path in (tmp_path / "a.png", tmp_path / "a.jpg"):
        Image.new("RGB", (8, 6)).save(path, exif=exif)
        assert images.size(path) == ((6, 8) if turned else (8, 6))
        assert images.read(path).pixels.shape[1:] == images.read_uint8(path).shape[1:] == ((8, 6) if turned else (6, 8))


@pytest.mark.parametrize("bits", [8, 16])
def test_exif_behind_the_pixels_of_a_png_turns_them_too(tmp_path: Path, bits: int):
    images.write(tmp_path / "a.png", ImageFile(noise(), bits=bits))
    content = (tmp_path / "a.png").read_bytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    for source in (Encoded("x.png", content[:-12] + chunk + content[-12:]), tmp_path / "b.png"):
        if isinstance(source, Path):
            source.write_bytes(content[:-12] + chunk + content[-12:])
        assert images.size(source) == (12, 16) and not images.is_upright(source)
        assert images.read(source).pixels.shape == (3, 16, 12) and images.read_uint8(source).shape == (3, 16, 12)
        assert images.read(source).bits == bits


def test_exif_of_a_bigtiff_fits_other_formats(tmp_path: Path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 8, 3), np.uint8), photometric="rgb", bigtiff=True, description="large")
    images.write(tmp_path / "b.jpg", images.read(tmp_path / "a.tif"))
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif().get(0x010E) == described("large")


def test_a_description_of_the_old_files_layout_is_left_out_and_another_one_is_kept(tmp_path: Path):
    array = np.random.default_rng(0).integers(0, 2**16, (3, 20, 24), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", planarconfig="separate")  # with a shape in its description
    images.write(tmp_path / "b.tif", images.read(tmp_path / "a.tif"))
    assert (tifffile.imread(tmp_path / "b.tif") == array.transpose(1, 2, 0)).all()
    tifffile.imwrite(tmp_path / "c.tif", array.transpose(1, 2, 0), photometric="rgb", description="A photograph", metadata=None)
    images.write(tmp_path / "d.tif", images.read(tmp_path / "c.tif"))
    with tifffile.TiffFile(tmp_path / "d.tif") as file:
        assert file.pages[0].description == "A photograph"
