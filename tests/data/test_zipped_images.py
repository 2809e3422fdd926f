"""Zip files are read in memory; broken and hostile ones are one line."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.data import zipped_images
from darkroom.data.image_set import ImageSet
from darkroom.data.named_sets import named, training_images
from darkroom.data.streams import PatchStream, batches


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in folder.iterdir():
            opened.write(path, path.name)
    return archive


def with_members(archive: Path, *names: str, content: bytes = b"") -> Path:
    if not content:
        buffer = io.BytesIO()
        Image.new("RGB", (4, 4)).save(buffer, format="PNG")
        content = buffer.getvalue()
    with zipfile.ZipFile(archive, "w") as opened:
        for name in names:
            opened.writestr(name, content)
    return archive


def test_a_zip_file_reads_as_its_folder_does(photos: Path, tmp_path: Path):
    archive = zipped(photos, tmp_path / "my photos.zip")
    from_zip, from_folder = training_images(str(archive)), training_images(str(photos))
    assert from_zip.name == "my photos" and from_zip.names == from_folder.names
    assert all(torch.equal(a, b) for a, b in zip(from_zip, from_folder, strict=True))
    assert from_zip.digests() == from_folder.digests()
    assert training_images(str(archive)).size(0) == (56, 48)
    assert named(str(archive), grey=True)[0].shape[0] == 1
    assert len(ImageSet.from_path(archive).first(2).hold()) == 2
    assert str(from_zip.files["p0"]) == f"{archive}/p0.png"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my photos.zip", "photos"]  # nothing is unpacked


def test_forked_workers_do_not_disturb_each_other(photos: Path, tmp_path: Path, monkeypatch):
    from darkroom.data import image_set

    monkeypatch.setattr(image_set, "HELD_BYTES", 0)  # so that every access reads the archive
    stream = PatchStream(ImageSet.from_path(zipped(photos, tmp_path / "x.zip")), patch_size=16, batch_size=8, seed=0)
    stream.open()
    alone = [batch.input for batch in batches(stream, 0, 20)]
    helped = [batch.input for batch in batches(stream, 0, 20, workers=2)]
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_other_members_are_left_out(tmp_path: Path):
    names = ("a/1.png", "b/1.PNG", "notes.txt", ".hidden.png", "__MACOSX/a/._1.png", "a/")
    assert ImageSet.from_path(with_members(tmp_path / "x.zip", *names)).names == ["a/1", "b/1"]


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "a\\..\\evil.png"])
def test_a_member_that_points_outside_is_refused(tmp_path: Path, name: str):
    archive = with_members(tmp_path / "x.zip", "good.png", name)
    with pytest.raises(DarkroomError, match="x.zip is refused: its member .*evil.png' points outside"):
        len(ImageSet.from_path(archive))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_occurs_twice_is_refused(tmp_path: Path):
    with pytest.raises(DarkroomError, match="its member 'a.png' occurs twice"):
        len(ImageSet.from_path(with_members(tmp_path / "x.zip", "a.png", "a.png")))


def test_a_member_too_large_is_refused_before_it_is_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(zipped_images, "LARGEST_MEMBER", 3 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("bomb.png", bytes(5 << 20))
    with pytest.raises(DarkroomError, match="its member 'bomb.png' has 5 MiB, at most 3 are read"):
        len(ImageSet.from_path(tmp_path / "bomb.zip"))


def test_a_member_larger_than_it_says_is_not_read_beyond(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "liar.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("liar.png", bytes(5 << 20))
    content = (tmp_path / "liar.zip").read_bytes().replace(struct.pack("<I", 5 << 20), struct.pack("<I", 1000))
    (tmp_path / "liar.zip").write_bytes(content)
    with pytest.raises(DarkroomError, match=r"liar\.zip cannot be read as a zip file \(Bad CRC-32"):
        ImageSet.from_path(tmp_path / "liar.zip").hold()


def test_an_image_of_too_many_pixels_is_one_line(tmp_path: Path):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    archive = with_members(tmp_path / "x.zip", "huge.png", content=content)
    with pytest.raises(DarkroomError, match=r"x\.zip/huge\.png: it declares 30000x30000 pixels, more than") as caught:
        ImageSet.from_path(archive).hold()
    assert "\n" not in str(caught.value)


def test_an_encrypted_archive_is_one_line(tmp_path: Path):
    archive = with_members(tmp_path / "x.zip", "a.png")
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    archive.write_bytes(content)
    with pytest.raises(DarkroomError, match="x.zip is encrypted; unpack it"):
        len(ImageSet.from_path(archive))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "cannot be read as a zip file"), (b"not a zip file", "cannot be read as a zip file"), (None, "no zip file at")],
)
def test_what_is_no_zip_file_is_one_line(tmp_path: Path, content: bytes | None, words: str):
    if content is not None:
        (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DarkroomError, match=words):
        len(ImageSet.from_path(tmp_path / "x.zip"))
    if content is None:
        (tmp_path / "x.zip").unlink(missing_ok=True)
        with_members(tmp_path / "x.zip", "notes.txt")
        with pytest.raises(DarkroomError, match="no images in"):
            len(ImageSet.from_path(tmp_path / "x.zip"))


@given(position=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_archive_is_one_line_or_an_image(tmp_path_factory, position: int, value: int, cut: bool):
    archive = with_members(tmp_path_factory.mktemp("damaged") / "x.zip", "a.png", "b/c.png")
    content = bytearray(archive.read_bytes())
    position %= len(content)
    content[position] = value
    archive.write_bytes(content[:position] if cut else content)
    try:
        for image in ImageSet.from_path(archive):
            assert image.dtype == torch.uint8 and image.shape[0] == 3
    except DarkroomError as error:
        assert "\n" not in str(error) and "x.zip" in str(error)  # noqa: PT017 (many damages leave the image readable)


def test_celeba_in_its_zip_file(real_data: Path):
    faces = ImageSet.from_path(real_data / "celeba_small" / "images.zip", name="celeba")
    assert len(faces) == 6000 and faces.name == "celeba"
    assert {tuple(faces[index].shape) for index in range(0, 6000, 500)} == {(3, 109, 89)}
