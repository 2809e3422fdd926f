"""Writing image files: full disks, encoders that refuse, formats that hold less than the image has."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.image_encoding import encode
from darkroom.core.images import ImageFile


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """A disk that is full after `size` bytes of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def noise(channels: int = 3, height: int = 64, width: int = 64) -> torch.Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("ending", sorted(images.WRITABLE))
def test_a_full_disk_leaves_the_old_image(tmp_path: Path, ending: str, bits: int):
    path, image = tmp_path / f"a{ending}", ImageFile(noise(), bits=bits)
    images.write(path, image)
    whole = path.stat().st_size
    images.write(path, ImageFile(torch.zeros(3, 64, 64), bits=bits))
    old = path.read_bytes()
    for size in {0, 1, 100, whole - 1, *(whole * part // 12 for part in range(1, 12))}:
        with pytest.raises(DarkroomError, match=r"cannot write .*larger than allowed.*untouched"), file_size_limit(size):
            images.write(path, image)
        assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]
    with file_size_limit(whole):
        images.write(path, image)
    assert path.stat().st_size == whole


@pytest.mark.parametrize(("ending", "side"), [(".webp", 16_383), (".jpg", 65_500)])
def test_an_image_too_large_for_its_format_is_one_line(tmp_path: Path, ending: str, side: int):
    with pytest.raises(DarkroomError, match=f"holds at most {side}x{side} pixels, not 1x100000; give a name ending in .png"):
        images.write(tmp_path / f"a{ending}", ImageFile(torch.zeros(1, 100_000, 1)))
    assert list(tmp_path.iterdir()) == []
    images.write(tmp_path / f"a{ending}", ImageFile(torch.zeros(1, side, 1)))
    assert images.size(tmp_path / f"a{ending}") == (1, side)


def large_exif(size: int) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8769)[0x927C] = bytes(size)  # a maker's note
    return exif.tobytes()


@pytest.mark.parametrize(("ending", "kept"), [(".jpg", False), (".png", True), (".tif", True), (".webp", True)])
def test_exif_that_does_not_fit_is_left_out_with_a_remark(tmp_path: Path, ending: str, kept: bool):
    image = ImageFile(noise(), metadata={"exif": large_exif(100_000)})
    remarks = images.write(tmp_path / f"a{ending}", image)
    assert [("EXIF of 100 kB does not fit into a JPEG" in remark) for remark in remarks] == ([] if kept else [True])
    with Image.open(tmp_path / f"a{ending}") as again:
        assert (again.getexif().get(0x010F) == "A camera") == kept
        again.load()
    assert images.write(tmp_path / f"b{ending}", ImageFile(noise(), metadata={"exif": large_exif(50_000)})) == ()


def test_metadata_that_an_encoder_refuses_is_left_out_with_a_remark(tmp_path: Path, monkeypatch):
    save = Image.Image.save

    def refuse(image, *words, **options):
        if "exif" in options:
            raise SystemError("of no use")
        save(image, *words, **options)

    monkeypatch.setattr(Image.Image, "save", refuse)
    assert "cannot be written as PNG" in images.write(tmp_path / "a.png", ImageFile(noise(), metadata={"exif": b"x"}))[0]
    assert torch.allclose(images.read(tmp_path / "a.png").pixels, noise(), atol=0.002)
    monkeypatch.setattr(Image.Image, "save", lambda *words, **options: 1 / 0)
    for metadata in ({}, {"exif": b"x"}):
        with pytest.raises(DarkroomError, match=r"cannot write .*b\.webp: the encoder refuses it \(division by zero\); give"):
            images.write(tmp_path / "b.webp", ImageFile(noise(), metadata=metadata))
    assert not (tmp_path / "b.webp").exists()


def test_formats_that_hold_less_say_so(tmp_path: Path):
    image = ImageFile(noise(), bits=16, metadata={"exif": large_exif(10)})
    assert images.write(tmp_path / "a.png", image) == () == images.write(tmp_path / "a.tif", image)
    assert images.write(tmp_path / "a.jpg", image) == ("JPEG holds 8 bits: written with 8",)
    assert images.write(tmp_path / "a.bmp", image)[1:] == ("BMP holds neither EXIF nor a colour profile: left out",)


def test_a_tiff_of_more_than_4_gigabytes_is_one_line():
    array = np.broadcast_to(np.zeros((1, 1, 3), np.uint16), (30_000, 30_000, 3))  # takes no memory
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "ascontiguousarray", lambda array, dtype: array)
        with pytest.raises(DarkroomError, match=r"at most 4 GB, and this image has 5\.4; give a name ending in \.png"):
            encode(array, "TIFF", {})


def test_a_png_of_16_bits_is_no_larger_than_that_of_another_encoder():
    import io

    import png

    smooth = (np.linspace(0, 60_000, 3 * 90 * 120).reshape(90, 120, 3)).astype(np.uint16)
    other = io.BytesIO()
    png.Writer(120, 90, bitdepth=16, greyscale=False).write(other, smooth.reshape(90, -1))
    assert sum(map(len, encode(smooth, "PNG", {}).parts)) < 0.8 * len(other.getvalue())


def test_a_long_name_is_written(tmp_path: Path):
    path = tmp_path / f"{'ü' * 125}.png"  # 254 bytes; the longest name has 255
    images.write(path, ImageFile(noise()))
    assert list(tmp_path.iterdir()) == [path]
