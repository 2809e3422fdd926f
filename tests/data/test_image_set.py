import os
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from darkroom.core import images
from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.data import image_set
from darkroom.data.bsds500 import BSD68, bsds500
from darkroom.data.embedded import HELD_OUT, TRAINING, embedded
from darkroom.data.image_set import ImageSet, files_below, skipped_below
from darkroom.data.named_sets import evaluation_images, training_images


def test_embedded_photographs_exist_and_do_not_overlap():
    assert not set(TRAINING) & set(HELD_OUT)
    for split, names in (("train", TRAINING), ("heldout", HELD_OUT)):
        photographs = embedded(split)
        assert len(photographs) == len(names)
        for image in photographs:
            assert image.dtype == torch.uint8 and image.shape[0] == 3 and min(image.shape[1:]) >= 300
        assert embedded(split, grey=True)[0].shape[0] == 1


def test_making_a_set_reads_nothing():
    calls = []
    images = ImageSet("x", lambda: calls.append(1) or {})
    assert calls == []
    assert len(images) == 0 and calls == [1]


def test_images_are_decoded_once_and_large_sets_not_held(photos: Path, monkeypatch):
    decoded = []

    def read_uint8(path: Path, *, grey: bool) -> torch.Tensor:
        decoded.append(path)
        return torch.zeros(3, 10, 10, dtype=torch.uint8)

    monkeypatch.setattr(images, "read_uint8", read_uint8)
    held = ImageSet("x", lambda: files_below(photos)).hold()
    assert [held[0].shape for _ in range(5)] == [(3, 10, 10)] * 5 and len(decoded) == 4
    monkeypatch.setattr(image_set, "HELD_BYTES", 700)
    decoded.clear()
    small = ImageSet("x", lambda: files_below(photos))
    list(small), list(small)
    assert len(decoded) == 4 + 2


def test_mixed_folders_and_names(photos: Path):
    Image.new("L", (9, 5)).save(photos / "grey.png")
    Image.new("RGBA", (9, 5)).save(photos / "clear.png")
    (photos / "deep").mkdir()
    Image.new("RGB", (9, 5)).save(photos / "deep" / "p0.jpg")
    (photos / "notes.txt").write_text("no image")
    found = training_images(str(photos))
    assert found.names == ["clear", "deep/p0", "grey", "p0", "p1", "p2", "p3"]
    assert {image.shape[0] for image in found} == {3}
    assert {image.shape[0] for image in evaluation_images(str(photos), grey=True)} == {1}
    assert found.first(2).names == ["clear", "deep/p0"]


def test_missing_data_names_the_command_and_the_folder(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path))
    with pytest.raises(DarkroomError, match=f"{tmp_path}/BSDS500.*darkroom data get bsds500"):
        len(training_images("bsds500"))
    with pytest.raises(DarkroomError, match=f"{tmp_path}/Set12.*darkroom data get set12"):
        len(evaluation_images("set12"))
    with pytest.raises(DarkroomError, match="'nowhere' is neither a folder, a zip file nor a known set"):
        len(evaluation_images("nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DarkroomError, match="no images in"):
        len(evaluation_images(str(tmp_path / "empty")))
    (tmp_path / "BSDS500/data/images/train").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "BSDS500/data/images/train/1.jpg")
    for part in ("val", "test"):
        (tmp_path / f"BSDS500/data/images/{part}").mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / f"BSDS500/data/images/{part}/2.jpg")
    with pytest.raises(DarkroomError, match="has 2 images instead of 500"):
        len(bsds500("432"))


def test_a_broken_image_is_named(photos: Path):
    (photos / "p1.png").write_bytes(b"broken")
    with pytest.raises(DarkroomError, match=r"p1\.png"):
        training_images(str(photos)).hold()


def test_the_split_of_bsds500(real_data: Path):
    assert len(BSD68) == 68
    assert set((real_data / "BSDS500" / "bsd68.txt").read_text().split()) == BSD68
    training, evaluated = bsds500("432"), bsds500("68", grey=True)
    assert len(training) == 432 and len(evaluated) == 68
    assert not set(training.names) & set(evaluated.names)
    assert {tuple(sorted(image.shape)) for image in evaluated} == {(1, 321, 481)}
    assert (evaluated.name, bsds500("68").name) == ("bsd68", "cbsd68")


def test_set12_is_grey_and_complete(real_data: Path):
    assert [tuple(image.shape) for image in evaluation_images("set12", grey=True)][:2] == [(1, 256, 256)] * 2
    assert len(evaluation_images("set12")) == 12


def test_digests_are_of_the_pixels(photos: Path):
    shutil.copy(photos / "p1.png", photos / "copy.png")
    with Image.open(photos / "p2.png") as image:
        image.save(photos / "again.bmp")  # other bytes, the same pixels
    images = training_images(str(photos))
    digests = images.digests()
    assert list(digests) == images.names and digests is images.digests()
    assert digests["copy"] == digests["p1"] and digests["again"] == digests["p2"]
    assert len(set(digests.values())) == 4
    assert set(images.first(1).digests().values()) <= set(digests.values())
    assert training_images(str(photos), grey=True).digests()["p0"] != digests["p0"]


def test_as_a_dataset_the_image_is_input_and_target(photos: Path):
    images = training_images(str(photos))
    assert isinstance(images, Dataset)
    assert torch.equal(images.example(2).input, images[2]) and images.example(2).target is images.example(2).input
    assert images.describe().dataset == "photos" and images.describe().count == 4
    assert images.size(0) == (56, 48) and not images.is_held(0)
    images.open()
    assert images.size(0) == (56, 48) and images.is_held(0)
    assert images.names[images.position("p3")] == "p3"


def test_bsds432_and_bsd68_share_no_pixels(real_data: Path):
    assert not set(bsds500("432").digests().values()) & set(bsds500("68").digests().values())


def test_a_folder_whose_name_is_not_utf_8(photos: Path):
    folder = photos.with_name(os.fsdecode(b"caf\xe9"))
    photos.rename(folder)
    (folder / "p0.png").rename(folder / os.fsdecode(b"\xff.png"))
    found = training_images(str(folder))
    assert found.name == r"caf\xe9" and found.names == ["p1", "p2", "p3", r"\xff"]  # valid text, for records and tables
    assert found.files[r"\xff"] == folder / os.fsdecode(b"\xff.png")
    assert len(found.hold().digests()) == 4 and found.size(3) == (56, 48)
    assert found.describe().dataset == found.name
    archive = folder.with_name(os.fsdecode(b"\xe9.zip"))
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(folder / "p1.png", "a.png")
    assert training_images(str(archive)).names == ["a"]
    (folder / "p1.png").write_bytes(b"broken")
    with pytest.raises(DarkroomError, match=r"p1\.png cannot be read") as caught:
        training_images(str(folder)).hold()
    assert str(folder) in str(caught.value)


def test_what_is_no_image_is_listed(photos: Path):
    (photos / "raw").mkdir()
    for name in ("raw/1.cr2", "notes.txt", ".hidden", "phone.heic", "b.AVIF"):
        (photos / name).write_bytes(b"")
    assert [path.relative_to(photos).as_posix() for path in skipped_below(photos)] == ["notes.txt", "raw/1.cr2"]
    assert {"phone", "b", "p0"} <= set(files_below(photos))  # they can be read, or are one line that says what is missing
