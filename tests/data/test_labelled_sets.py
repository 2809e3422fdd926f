"""Labelled sets in every layout, their halves, and mistakes in one line."""

import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from darkroom.core.errors import DarkroomError
from darkroom.data.digits import Digits
from darkroom.data.labelled_images import LabelledImages, LabelTable
from darkroom.data.labelled_sets import labelled, unlabelled
from darkroom.data.labelled_subset import CentreCrops, LabelledSubset, centre_crop, evenly, first_of_each


def write(path: Path, shade: int = 0, size: tuple[int, int] = (10, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, 2 * shade, 0)).save(path)


def classes_of(root: Path, names: str = "ab", count: int = 10) -> None:
    for name in names:
        for number in range(count):
            write(root / name / f"{number:02d}.png", number)


def halves(path: Path) -> tuple[LabelledImages, LabelledImages]:
    train, test = labelled(str(path), "train"), labelled(str(path), "test")
    train.open()
    test.open()
    return train, test


def test_a_folder_for_each_class_is_divided(tmp_path: Path):
    classes_of(tmp_path / "animals")
    train, test = halves(tmp_path / "animals")
    assert (len(train), len(test)) == (16, 4) and not set(train.names) & set(test.names)
    assert (train.name, test.name) == ("animals-train", "animals") and test.classes == train.classes == ("a", "b")
    assert test.labels == [0, 0, 1, 1] and len(unlabelled(str(tmp_path / "animals"))) == 16


@pytest.mark.parametrize("test_name", ["test", "val"])
def test_a_set_with_both_parts_keeps_them(tmp_path: Path, test_name: str):
    classes_of(tmp_path / "set" / "train", count=3)
    classes_of(tmp_path / "set" / test_name, names="b", count=2)
    train, test = halves(tmp_path / "set")
    assert (len(train), len(test)) == (6, 2) and test.labels == [1, 1] and test.classes == ("a", "b")


def test_parts_may_be_zip_files(tmp_path: Path):
    for part, count in (("train", 3), ("test", 2)):
        classes_of(tmp_path / part, count=count)
        with zipfile.ZipFile(tmp_path / f"{part}.zip", "w") as archive:
            for file in sorted((tmp_path / part).rglob("*.png")):
                archive.write(file, file.relative_to(tmp_path / part))
                file.unlink()
            for folder in (tmp_path / part).iterdir():
                folder.rmdir()
        (tmp_path / part).rmdir()
    train, test = halves(tmp_path)
    assert (len(train), len(test)) == (6, 4)


@pytest.mark.parametrize("folder", ["own", "shared"])
def test_tables_in_the_layout_of_course_work(tmp_path: Path, folder: str):
    """`id,filename,label`, the images of a part in a folder of its name, or all in one."""
    for part, count in (("train", 4), ("val", 2)):
        rows = ["id,filename,label"]
        for number in range(count):
            write(tmp_path / (part if folder == "own" else "images") / f"{part}{number}.jpg", number)
            rows.append(f"{number},{part}{number}.jpg,{'Fan' if number % 2 else 'Bed'}")
        (tmp_path / f"{part}.csv").write_text("\n".join(rows) + "\n")
    train, test = halves(tmp_path)
    assert train.classes == ("Bed", "Fan") and train.labels == [0, 1, 0, 1] and test.labels == [0, 1]


def test_few_shot_sets_with_other_classes_in_each_part_are_divided(tmp_path: Path):
    """The layout of mini-ImageNet."""
    classes_of(tmp_path / "mini" / "train", names="ab")
    classes_of(tmp_path / "mini" / "val", names="c")
    train, test = halves(tmp_path / "mini")
    assert test.classes == ("a", "b") and (len(train), len(test)) == (16, 4)


def test_tiny_imagenet(tmp_path: Path):
    for name in "xy":
        write(tmp_path / "train" / name / "images" / f"{name}_0.JPEG", 1)
        write(tmp_path / "val" / "images" / f"val_{name}.JPEG", 2)
    lines = [f"val_{name}.JPEG\t{name}\t0\t0\t9\t7" for name in "xy"]
    (tmp_path / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    train, test = halves(tmp_path)
    assert train.labels == [0, 1] and test.labels == [0, 1] and test.names == ["val_x", "val_y"]
    alone = labelled(str(tmp_path / "val"), "train")
    alone.open()
    assert len(alone) == 2 and alone.classes == ("x", "y")


def test_images_without_labels_can_be_trained_on(tmp_path: Path):
    for number in range(5):
        write(tmp_path / "flat" / f"{number}.png", number)
    assert len(unlabelled(str(tmp_path / "flat"))) == 5
    with pytest.raises(DarkroomError, match="lies in no folder of a class"):
        labelled(str(tmp_path / "flat"), "train").open()


def test_a_set_that_is_missing_is_one_line(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path))
    with pytest.raises(DarkroomError, match="office_home is not at .*office-home: put its images there"):
        labelled("office_home", "train").open()
    with pytest.raises(DarkroomError, match="'ofice' is neither a folder, a zip file nor a known set"):
        labelled("ofice", "test").open()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DarkroomError, match="no images in"):
        labelled(str(tmp_path / "empty"), "train").open()


def test_real_layouts(real_data: Path):
    train, test = (labelled("pacs_photo", split) for split in ("train", "test"))
    assert (len(train), len(test), len(train.classes)) == (672, 168, 7)
    assert min(test.labels.count(label) for label in range(7)) == 24
    found = labelled("tiny_imagenet_val", "test")
    assert len(found.images.names) == 2000 and len(found.classes) == 200


def test_digits_are_scikit_learns():
    theirs, train, test = load_digits(), Digits("train"), Digits("test")
    assert len(train) + len(test) == 1797 and not set(train.names) & set(test.names)
    for data in (train, test):
        for number in (0, 7, len(data) - 1):
            index, example = int(data.names[number]), data.example(number)
            assert int(example.target) == theirs.target[index]
            assert torch.equal(example.input[0], (torch.from_numpy(theirs.images[index]) * 255 / 16).round().to(torch.uint8))


def test_subsets():
    data = Digits("train", (3, 8))
    shots = LabelledSubset(data, first_of_each(4))
    assert sorted(shots.labels) == [0] * 4 + [1] * 4 and shots.classes == ("3", "8")
    assert torch.equal(shots.example(0).input, data.example(shots.indices[0]).input) and len(shots.digests()) == 8
    assert len(LabelledSubset(data, evenly(10))) == 10
    crops = CentreCrops(shots, 16)
    assert crops.example(0).input.shape == (3, 16, 16) and crops.labels == shots.labels and crops.digests() == shots.digests()


def test_a_centre_crop_is_torchvisions(tmp_path: Path):
    from torchvision.transforms import v2

    from darkroom.data.embedded import embedded

    image = embedded("heldout")[1]

    found = centre_crop(image, 112, 0.875)
    resize = v2.Resize(128, interpolation=v2.InterpolationMode.BICUBIC, antialias=True)
    assert (found.int() - v2.CenterCrop(112)(resize(image)).int()).abs().max() <= 1


def test_columns_are_found_by_their_headings(tmp_path: Path):
    (tmp_path / "t.csv").write_text("id,filename,label\n0,a.png,cat\n1,b.png,dog\n")
    table = LabelTable(tmp_path / "t.csv")
    assert table("a") == "cat" and table("b.png") == "dog" and table.has("a") and not table.has("0")
