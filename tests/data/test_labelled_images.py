from pathlib import Path

import pytest
import torch
from PIL import Image

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.data.image_set import ImageSet
from darkroom.data.labelled_images import LabelledImages, LabelTable
from darkroom.data.streams import PatchStream, batches


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    for number, name in enumerate(["dog/1", "dog/2", "cat/1", "ape/deep/1"]):
        path = tmp_path / "animals" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (number, 0, 0)).save(path)
    return tmp_path / "animals"


def test_the_outermost_folder_is_the_class(animals: Path):
    data = LabelledImages(ImageSet.from_path(animals))
    assert isinstance(data, Dataset)
    data.open()
    assert data.name == "animals" and data.classes == ("ape", "cat", "dog")
    assert {name: int(data.example(n).target) for n, name in enumerate(data.names)} == {
        "ape/deep/1": 0, "cat/1": 1, "dog/1": 2, "dog/2": 2
    }  # fmt: skip
    assert data.example(0).target.shape == () and data.example(0).target.dtype == torch.int64
    assert data.example(0).input.shape == (3, 6, 8)
    assert data.describe().remarks == ["3 classes"] and len(data.digests()) == 4


def test_a_test_set_takes_the_classes_of_the_training_set(animals: Path):
    classes = ["dog", "cat", "ape", "bee"]
    assert int(LabelledImages(ImageSet.from_path(animals), classes=classes).example(0).target) == 2
    with pytest.raises(DarkroomError, match=r"dog/1\.png is of class 'dog', which is not one of cat, ape"):
        LabelledImages(ImageSet.from_path(animals), classes=["cat", "ape"]).open()


def test_an_image_outside_a_class_is_named(animals: Path):
    Image.new("RGB", (8, 6)).save(animals / "stray.png")
    with pytest.raises(DarkroomError, match="'stray' lies in no folder of a class"):
        LabelledImages(ImageSet.from_path(animals)).open()


@pytest.mark.parametrize(("name", "separator"), [("labels.csv", ","), ("labels.txt", "\t")])
def test_a_table_gives_the_classes(animals: Path, name: str, separator: str):
    rows = [("filename", "label"), ("1.png", "b"), ("2.png", "a", "0")]
    (animals / name).write_text("\n".join(separator.join(row) for row in rows) + "\n")
    data = LabelledImages(ImageSet.from_path(animals / "dog"), LabelTable(animals / name))
    assert [int(data.example(n).target) for n in range(2)] == [1, 0] and data.classes == ("a", "b")
    (animals / name).write_text(separator.join(rows[1]))
    with pytest.raises(DarkroomError, match=f"{name} has no class for the image '2'"):
        LabelledImages(ImageSet.from_path(animals / "dog"), LabelTable(animals / name)).open()


def test_a_table_that_is_missing_or_binary_is_one_line(animals: Path):
    (animals / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("none.csv", "binary.csv"):
        with pytest.raises(DarkroomError, match=f"{name} cannot be read as a table of labels"):
            LabelledImages(ImageSet.from_path(animals), LabelTable(animals / name)).open()


def test_batches_have_images_and_classes(animals: Path):
    stream = PatchStream(LabelledImages(ImageSet.from_path(animals)), patch_size=4, batch_size=8, seed=0)
    batch = next(batches(stream, 0, 1))
    assert batch.input.shape == (8, 3, 4, 4) and batch.input.dtype == torch.float32
    red = {0: 3, 1: 2, 2: (0, 1)}
    assert batch.target.shape == (8,) and all(
        round(float(image[0, 0, 0]) * 255) in (red[label] if isinstance(red[label], tuple) else (red[label],))
        for image, label in zip(batch.input, batch.target.tolist(), strict=True)
    )


def test_pacs(real_data: Path):
    photographs = LabelledImages(ImageSet.from_path(real_data / "PACS" / "photo"))
    paintings = LabelledImages(ImageSet.from_path(real_data / "PACS" / "art_painting"), classes=photographs.classes)
    assert photographs.classes == ("dog", "elephant", "giraffe", "guitar", "horse", "house", "person")
    for data in (photographs, paintings):
        assert torch.bincount(torch.tensor(data.labels)).tolist() == [120] * 7
    assert photographs.example(0).input.shape == (3, 128, 128)


def test_tiny_imagenet_in_its_zip_file(real_data: Path):
    root = real_data / "tiny-imagenet-200" / "val"
    data = LabelledImages(
        ImageSet.from_path(root / "images.zip", name="tiny-imagenet"), LabelTable(root / "val_annotations.txt")
    )
    assert len(data) == 10_000 and torch.bincount(torch.tensor(data.labels)).tolist() == [50] * 200
    assert data.classes == tuple(sorted((root.parent / "wnids.txt").read_text().split()))
    number = data.names.index("val_1")
    assert data.classes[int(data.example(number).target)] == "n04067472" and data.example(number).input.shape == (3, 64, 64)


def test_cifar10_has_a_folder_for_each_class_in_its_zip_file(real_data: Path):
    data = LabelledImages(ImageSet.from_path(real_data / "cifar10_jpeg" / "test.zip"))
    assert torch.bincount(torch.tensor(data.labels)).tolist() == [500] * 10 and data.classes[0] == "airplane"
    assert data.example(4999).input.shape == (3, 32, 32) and data.name == "test"
