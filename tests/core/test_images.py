import io
from pathlib import Path

import numpy as np
import PIL
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.image_codecs import Encoded
from darkroom.core.images import ImageFile


@given(
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    alpha=st.booleans(),
    deep=st.booleans(),
    ending=st.sampled_from([".png", ".tif"]),
)
def test_writing_and_reading_gives_the_same_image(tmp_path_factory, channels, height, width, alpha, deep, ending):
    largest = 65535 if deep else 255
    generator = torch.Generator().manual_seed(height * 41 + width)
    whole = torch.randint(0, largest + 1, (channels + 1, height, width), generator=generator) / largest
    image = ImageFile(whole[:-1], whole[-1:] if alpha else None, 16 if deep else 8)
    path = tmp_path_factory.mktemp("x") / f"p{ending}"
    images.write(path, image)
    again = images.read(path)
    assert again.bits == image.bits
    wide = deep and alpha and ending == ".tif"  # grey with transparency becomes RGBA there
    torch.testing.assert_close(again.pixels, image.pixels.expand(3 if wide else channels, -1, -1), atol=1e-7, rtol=0)
    assert (again.alpha is None) == (image.alpha is None)
    if alpha:
        torch.testing.assert_close(again.alpha, image.alpha, atol=1e-7, rtol=0)


def test_16_bit_files_are_what_other_programs_read(tmp_path: Path):
    import png
    import tifffile

    values = np.arange(4 * 5 * 3, dtype=np.uint16).reshape(4, 5, 3) * 1000
    image = ImageFile(torch.from_numpy(values.astype(np.float32) / 65535).permute(2, 0, 1), bits=16)
    images.write(tmp_path / "a.png", image)
    images.write(tmp_path / "a.tif", image)
    width, height, rows, _ = png.Reader(str(tmp_path / "a.png")).read()
    assert np.array_equal(np.array(list(rows)).reshape(height, width, 3), values)
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), values)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["8.png", "8.tif", "8.jpg", "8.webp", "16.png", "16.tif", "16 grey.tif", "16 planar.tif"])
def test_orientation_is_honoured_as_pillow_does(tmp_path: Path, orientation: int, kind: str):
    import tifffile

    array = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3) * 3
    array = array[..., :1].repeat(3, 2) if "grey" in kind else array
    exif = Image.Exif()
    exif[0x0112] = orientation
    path, tag = tmp_path / kind, [(0x0112, 3, 1, orientation, True)]
    if kind == "16.png":
        images.write(
            path, ImageFile(images.to_float(torch.from_numpy(array)).permute(2, 0, 1), None, 16, {"exif": exif.tobytes()})
        )
    elif kind == "16 grey.tif":
        tifffile.imwrite(path, array[..., 0].astype(np.uint16) * 257, photometric="minisblack", extratags=tag)
    elif kind == "16 planar.tif":
        planes = array.transpose(2, 0, 1).astype(np.uint16) * 257
        tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate", extratags=tag)
    elif kind == "16.tif":
        tifffile.imwrite(path, array.astype(np.uint16) * 257, photometric="rgb", extratags=tag)
    else:
        Image.fromarray(array).save(
            path, exif=exif, **{"8.jpg": {"quality": 100, "subsampling": 0}, "8.webp": {"lossless": True}}.get(kind, {})
        )
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(buffer)))
    for read in (images.to_uint8(images.read(path).pixels).expand(3, -1, -1), images.read_uint8(path)):
        assert np.abs(read.permute(1, 2, 0).numpy().astype(int) - upright).max() <= (4 if kind == "8.jpg" else 0)
    assert images.size(path) == upright.shape[1::-1] and images.is_upright(path) == (orientation == 1)
    images.write(tmp_path / "again.png", images.read(path))
    with Image.open(tmp_path / "again.png") as again:
        assert again.getexif().get(0x0112, 1) == 1  # so that no other program rotates it again


YCBCR = pytest.param("YCbCr", marks=pytest.mark.skipif(PIL.__version__ < "13", reason="Pillow 12 cannot read its own files"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", YCBCR, "I;16"])
def test_every_mode_has_one_or_three_channels(tmp_path: Path, mode: str):
    path = tmp_path / ("p.tif" if mode in ("CMYK", "YCbCr", "I;16") else "p.png")
    if mode == "I;16":
        Image.fromarray(np.full((5, 7), 32768, np.uint16)).save(path)
    else:
        Image.new("RGB", (7, 5), (200, 100, 50)).convert(mode).save(path)
    image = images.read(path)
    assert image.pixels.shape == (1 if mode in ("1", "L", "LA", "I;16") else 3, 5, 7)
    assert (image.alpha is not None) == (mode in ("LA", "RGBA"))
    assert images.read_uint8(path).shape == (3, 5, 7)
    assert images.read_uint8(path, grey=True).shape == (1, 5, 7)


def test_grey_is_the_luma_that_pillow_computes():
    rgb = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    pillow = np.asarray(Image.fromarray(rgb.permute(1, 2, 0).numpy()).convert("L")).astype(int)
    assert np.abs(images.to_grey(rgb)[0].numpy().astype(int) - pillow).max() <= 1
    assert (images.to_grey(rgb)[0].numpy() == pillow).mean() > 0.99


@given(st.lists(st.floats(-2, 3, width=32), min_size=1, max_size=50))
def test_rounding_to_8_bits_is_what_saving_does(values):
    x = torch.tensor(values)
    torch.testing.assert_close(images.round_to_8_bits(x), images.to_float(images.to_uint8(x)), atol=1e-7, rtol=0)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.png", b"", "not an image"),
        ("text.jpg", b"hello, this is no image", "not an image"),
        ("cut.png", None, "cut.png"),
    ],
)
def test_a_broken_file_is_one_line_with_its_name(tmp_path: Path, name: str, content: bytes | None, words: str):
    path = tmp_path / name
    if content is None:
        Image.effect_noise((64, 64), 50).save(path)
        content = path.read_bytes()[:1000]
    path.write_bytes(content)
    for read in (images.read, images.read_uint8):
        with pytest.raises(DarkroomError, match=words) as caught:
            read(path)
        assert "\n" not in str(caught.value) and name in str(caught.value)


def test_missing_images_and_unknown_endings(tmp_path: Path):
    with pytest.raises(DarkroomError, match="no image at"):
        images.read(tmp_path / "nothing.png")
    with pytest.raises(DarkroomError, match=r"'.xyz' is not one of"):
        images.write(tmp_path / "p.xyz", ImageFile(torch.zeros(1, 2, 2)))
    with pytest.raises(DarkroomError, match="no transparency"):
        images.write(tmp_path / "p.jpg", ImageFile(torch.zeros(3, 2, 2), torch.ones(1, 2, 2)))
    assert list(tmp_path.iterdir()) == []


def test_profile_and_exif_are_kept(tmp_path: Path):
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif, icc_profile=b"a profile")
    images.write(tmp_path / "b.jpg", images.read(tmp_path / "a.jpg"))
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif()[0x010F] == "A camera"
        assert image.info["icc_profile"] == b"a profile"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "deep.png", "deep.tif"])
def test_an_image_in_memory_reads_as_its_file_does(tmp_path: Path, name: str):
    pixels = torch.rand(3, 9, 7, generator=torch.Generator().manual_seed(0))
    images.write(tmp_path / name, ImageFile(pixels, bits=16 if name.startswith("deep") else 8))
    encoded = Encoded("archive.zip/a", (tmp_path / name).read_bytes())
    assert torch.equal(images.read(encoded).pixels, images.read(tmp_path / name).pixels)
    assert torch.equal(images.read_uint8(encoded, grey=True), images.read_uint8(tmp_path / name, grey=True))
    assert images.size(encoded) == (7, 9) and images.is_upright(encoded)
    with pytest.raises(DarkroomError, match=r"archive\.zip/a cannot be read"):
        images.read(Encoded("archive.zip/a", encoded.content[:40]))


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 33_000)])
def test_label_maps_are_read_as_ids(tmp_path: Path, dtype: type, largest: int):
    ids = np.array([[0, 1, largest], [3, 2, 1]], dtype=dtype)
    Image.fromarray(ids).save(tmp_path / "ids.png")
    read = images.read_ids(tmp_path / "ids.png")
    assert read.shape == (1, 2, 3) and not read.is_floating_point() and read[0].tolist() == ids.tolist()


@pytest.mark.parametrize(
    ("name", "mode", "words"), [("p.png", "P", "a palette instead"), ("c.png", "RGB", "colours .RGB."), ("j.jpg", "L", "JPEG")]
)
def test_a_label_map_without_ids_is_one_line(tmp_path: Path, name: str, mode: str, words: str):
    Image.new("RGB", (5, 4), (9, 9, 9)).convert(mode).save(tmp_path / name)
    with pytest.raises(DarkroomError, match=f"{name}.*{words}"):
        images.read_ids(tmp_path / name)
