"""Pairs for image translation: label maps and photographs in the layouts of their publishers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_uint8
from darkroom.data import camvid, cityscapes, facades
from darkroom.data.joint_transforms import JointTransform
from darkroom.data.label_maps import LabelMaps
from darkroom.data.palettes import coloured, distinct, ids_of
from darkroom.data.shapes import CLASSES, COUNTS, PALETTE, Shapes
from darkroom.data.streams import PatchStream
from darkroom.data.translation_pairs import LABELS, folder_pairs, translation_pairs


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def photograph(height: int = 24, width: int = 48) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two images of Cityscapes in its layout, 24×48."""
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path))
    labels = np.random.default_rng(1).integers(0, 34, (24, 48), dtype=np.uint8)
    labels[:4] = 7
    for name in ("aachen/aachen_000000_000019", "aachen/aachen_000001_000019"):
        for split in ("train", "val"):
            root = tmp_path / "Cityscapes"
            save(root / "leftImg8bit" / split / f"{name}_leftImg8bit.png", photograph())
            save(root / "gtFine" / split / f"{name}_gtFine_labelIds.png", labels)
            save(root / "gtFine" / split / f"{name}_gtFine_color.png", photograph())
            save(root / "gtFine" / split / f"{name}_gtFine_instanceIds.png", labels.astype(np.int32) * 1000 + 3)
    return tmp_path / "Cityscapes"


def test_cityscapes_has_35_labels_for_generation_and_19_for_evaluation(street: Path):
    whole = cityscapes.cityscapes("val", (24, 48), instances=True)
    whole.open()
    assert whole.names == ["aachen/aachen_000000_000019", "aachen/aachen_000001_000019"]
    assert (whole.name, whole.labels, len(whole.classes), whole.ignored) == ("cityscapes", 35, 35, None)
    example = whole.example(0)
    assert int(example.input.max()) > 18 and example.target.dtype == torch.uint8
    assert torch.equal(example.condition[0], example.input * 1000 + 3)
    trained = cityscapes.cityscapes("val", (24, 48), ids="train", direction="photo_to_labels")
    trained.open()
    assert (trained.labels, len(trained.classes), trained.ignored) == (20, 19, 19)
    assert torch.equal(trained.example(0).target, cityscapes.to_train_ids(example.input))


def test_train_ids_are_those_of_the_official_table():
    """Of the 35 labels, 19 are evaluated, in the order of the label ids; the names are the benchmark's."""
    assert len(cityscapes.LABELS) == 35 and len(cityscapes.TRAIN_CLASSES) == 19 == cityscapes.IGNORED
    assert [label.train_id for label in cityscapes.LABELS if label.train_id != 19] == list(range(19))
    official = {"road": (7, 0), "sidewalk": (8, 1), "building": (11, 2), "pole": (17, 5), "sky": (23, 10), "bicycle": (33, 18)}
    for name, (label_id, train_id) in official.items():
        assert cityscapes.LABELS[label_id].name == name and cityscapes.LABELS[label_id].train_id == train_id
    assert cityscapes.LABELS[26].colour == (0, 0, 142) and len(cityscapes.TRAIN_PALETTE) == 20


def test_label_maps_are_resized_by_nearest_and_photographs_are_not(street: Path):
    small = cityscapes.cityscapes("train", (12, 24), instances=True).example(0)
    whole = cityscapes.cityscapes("train", (24, 48), instances=True).example(0)
    assert torch.equal(small.input, whole.input[:, 1::2, 1::2]) and torch.equal(
        small.condition[0], whole.condition[0][:, 1::2, 1::2]
    )
    assert not torch.equal(small.target, whole.target[:, 1::2, 1::2])


def test_faults_of_cityscapes_are_one_line_with_the_file(street: Path, monkeypatch: pytest.MonkeyPatch):
    name = "aachen/aachen_000001_000019"
    labels = street / "gtFine" / "val" / f"{name}_gtFine_labelIds.png"
    save(labels, np.full((24, 48), 35, np.uint8))
    with pytest.raises(
        DarkroomError, match=r"000001_000019_gtFine_labelIds\.png has the id 35; ids of 35 classes go from 0 to 34"
    ):
        cityscapes.cityscapes("val", (24, 48)).open()
    with pytest.raises(DarkroomError, match=r"_labelIds\.png has the id 35; label ids go from 0 to 34"):
        cityscapes.cityscapes("val", (24, 48), ids="train").open()
    Image.fromarray(photograph()).convert("P").save(labels)
    with pytest.raises(DarkroomError, match=r"_labelIds\.png: this label map has a palette instead of ids"):
        cityscapes.cityscapes("val", (24, 48)).open()
    labels.unlink()
    with pytest.raises(DarkroomError, match=r"000001_000019_leftImg8bit\.png has no counterpart"):
        cityscapes.cityscapes("val", (24, 48)).open()
    for path in (street / "gtFine").rglob("*_instanceIds.png"):
        path.unlink()
    with pytest.raises(DarkroomError, match=r"no files named gtFine/train/CITY/\.\.\._gtFine_instanceIds\.png"):
        cityscapes.cityscapes("train", (24, 48), instances=True).open()
    monkeypatch.setenv("DARKROOM_DATA", "/nowhere")
    with pytest.raises(DarkroomError, match=r"Cityscapes is not at /nowhere/Cityscapes: register at"):
        cityscapes.cityscapes("val", (24, 48)).open()


@pytest.mark.parametrize("name", ["facades", "camvid", "cityscapes"])
def test_data_that_is_missing_is_one_line(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DARKROOM_DATA", "/nowhere")
    with pytest.raises(DarkroomError, match="is not at /nowhere"):
        translation_pairs(name, "train", (32, 32)).open()


def test_names_and_instances_are_checked():
    with pytest.raises(DarkroomError, match="no set of pairs 'maps'; there are shapes, facades, camvid, cityscapes"):
        translation_pairs("maps", "train", (32, 32))
    with pytest.raises(DarkroomError, match="--instances: camvid has no maps of instances"):
        translation_pairs("camvid", "train", (32, 32), instances=True)


def test_facades_of_the_publisher(real_data: Path):
    pairs = translation_pairs("facades", "test", (128, 128))
    assert len(pairs) == 106 and pairs.name == "facades"
    example = pairs.example(0)
    colours = example.input.permute(1, 2, 0).reshape(-1, 3).long()
    nearest = (colours[:, None] - torch.tensor(facades.PALETTE)).abs().sum(2).min(1).values
    assert float((nearest < 60).float().mean()) > 0.75  # the others are beside edges, in a JPEG
    assert not torch.equal(example.input, example.target)


def test_camvid_of_the_publisher(real_data: Path):
    pairs = translation_pairs("camvid", "test", (90, 120))
    assert isinstance(pairs, LabelMaps) and len(pairs) == 233 and pairs.labels == LABELS["camvid"] == 12
    example = pairs.example(0)
    assert example.input.shape == (1, 90, 120) and set(example.input.unique().tolist()) <= set(range(12))
    # The sky is the brightest class, the road grey, trees darker than the sky.
    means = [float(example.target[:, example.input[0] == id].float().mean()) for id in (0, 3, 5)]
    assert means[0] > means[1] and means[0] > means[2]
    assert len(camvid.CLASSES) == 11 and len(camvid.PALETTE) == 12


def test_scenes_are_a_function_of_their_number():
    first, again = (Shapes("train", (40, 56), instances=True) for _ in range(2))
    example = first.example(7)
    assert torch.equal(example.target, again.example(7).target) and len(first) == COUNTS["train"]
    assert not torch.equal(example.target, Shapes("heldout", (40, 56)).example(7).target)
    assert set(example.input.unique().tolist()) <= set(range(len(CLASSES)))
    assert example.condition[0].shape == example.input.shape and int(example.condition[0].max()) > 2
    # Objects lie within one label, but for the parts of a house.
    larger = Shapes("train", (80, 112)).example(7)
    agree = (larger.input[:, ::2, ::2] == example.input) | (larger.input[:, 1::2, 1::2] == example.input)
    assert float(agree.float().mean()) > 0.95
    assert len(set(Shapes("heldout", (16, 16)).digests().values())) == COUNTS["heldout"]


def test_flips_take_label_maps_instances_and_photographs_along():
    example = Shapes("train", (32, 48), instances=True).example(0)
    flipped = JointTransform(None, 0, 0, element=1).of_example(example)
    for before, after in zip((example.input, example.condition[0]), (flipped.input, flipped.condition[0]), strict=True):
        assert torch.equal(before.flip(2), after)
    assert torch.equal(example.target.flip(2), to_uint8(flipped.target))
    stream = PatchStream(Shapes("train", (40, 40)), patch_size=(32, 32), batch_size=2, seed=0, augmentation="flip")
    assert stream.sample(0, 0).input.dtype == torch.int64


def test_palettes_there_and_back():
    ids = torch.arange(len(PALETTE)).view(1, 1, -1)
    assert torch.equal(ids_of(coloured(ids, PALETTE), PALETTE), ids)
    assert coloured(torch.tensor([[[-1, 99]]]), PALETTE).tolist() == [[[0, 0]]] * 3
    assert (
        ids_of(coloured(torch.tensor([[[18]]]), [x.colour for x in cityscapes.LABELS]), [x.colour for x in cityscapes.LABELS])[
            0, 0, 0
        ]
        == 17
    )
    with pytest.raises(DarkroomError, match="the colour #010203 is none of the 7 colours"):
        ids_of(torch.tensor([1, 2, 3], dtype=torch.uint8).view(3, 1, 1), PALETTE)
    assert len(set(distinct(40))) == 40


@pytest.mark.parametrize("labels", [0, 5])
def test_two_folders_of_ones_own(tmp_path: Path, labels: int):
    for split in ("train", "test"):
        save(tmp_path / f"{split}A" / "x.png", np.full((20, 30), 4, np.uint8) if labels else photograph())
        save(tmp_path / f"{split}B" / "x.png", photograph(20, 30) if labels else photograph())
    pairs = folder_pairs(tmp_path, "test", (16, 24), layout="folders", direction="AtoB", labels=labels)
    pairs.open()
    example = pairs.example(0)
    assert pairs.name == tmp_path.name and example.target.shape == (3, 16, 24)
    assert example.input.shape == ((1, 16, 24) if labels else (3, 16, 24))
    if labels:
        save(tmp_path / "testA" / "x.png", np.full((20, 30), 5, np.uint8))
        with pytest.raises(DarkroomError, match=r"testA/x\.png has the id 5"):
            folder_pairs(tmp_path, "test", (16, 24), layout="folders", direction="AtoB", labels=5).open()
        with pytest.raises(DarkroomError, match="--layout folders"):
            folder_pairs(tmp_path, "test", (16, 24), layout="halves", direction="AtoB", labels=5)


def test_halves_in_either_direction(tmp_path: Path):
    save(tmp_path / "test" / "x.png", photograph(16, 32))
    forth, back = (
        folder_pairs(tmp_path, "test", (16, 16), layout="halves", direction=direction).example(0)
        for direction in ("AtoB", "BtoA")
    )
    assert torch.equal(forth.input, back.target) and torch.equal(forth.target, back.input)
    save(tmp_path / "test" / "y.png", photograph(16, 31))
    with pytest.raises(DarkroomError, match=r"y\.png is 31 pixels wide, an odd number"):
        folder_pairs(tmp_path, "test", (16, 16), layout="halves", direction="AtoB").open()


def test_label_maps_in_colours_are_resized_by_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path))
    drawn = coloured(torch.randint(12, (1, 16, 16)), facades.PALETTE).permute(1, 2, 0).numpy()
    for split in ("train", "test"):
        save(tmp_path / "facades" / split / "1.png", np.concatenate([photograph(16, 16), drawn], 1))
    example = facades.facades("train", (24, 40)).example(0)
    ids_of(example.input, facades.PALETTE)  # no colour is invented
