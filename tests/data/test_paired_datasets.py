"""Two folders, two halves of a file, and label maps with photographs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.dataset import Dataset, digest, float_example
from darkroom.core.errors import DarkroomError
from darkroom.core.images import read_ids, read_uint8
from darkroom.data.image_set import ImageSet
from darkroom.data.label_maps import LabelMaps
from darkroom.data.paired_folders import PairedFolders
from darkroom.data.readers import resized, resized_ids
from darkroom.data.side_by_side import side_by_side
from darkroom.data.streams import PatchStream

CAMVID = ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"]


def save(path: Path, height: int = 6, width: int = 8, seed: int = 0) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def save_ids(path: Path, ids: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ids.astype(np.uint8)).save(path)


def pairs(root: Path) -> PairedFolders:
    return PairedFolders("pairs", ImageSet.from_path(root / "blur"), ImageSet.from_path(root / "sharp"))


def label_maps(root: Path, **options) -> LabelMaps:
    maps = ImageSet.from_path(root / "annot", read=read_ids)
    return LabelMaps("maps", ImageSet.from_path(root / "photos"), maps, **{"classes": ["a", "b", "c"], **options})


def test_folders_are_paired_by_name(tmp_path: Path):
    inputs = {name: save(tmp_path / "blur" / f"{name}.png", seed=seed) for seed, name in enumerate("ab")}
    targets = {name: save(tmp_path / "sharp" / f"{name}.png", seed=9 + seed) for seed, name in enumerate("ab")}
    data = pairs(tmp_path)
    assert isinstance(data, Dataset)
    data.open()
    assert (data.names, len(data), data.name) == (["a", "b"], 2, "pairs")
    example = data.example(1)
    assert np.array_equal(example.input.permute(1, 2, 0), inputs["b"])
    assert np.array_equal(example.target.permute(1, 2, 0), targets["b"])
    assert data.digests()["a"] == digest(torch.from_numpy(targets["a"]).permute(2, 0, 1))
    floats = float_example(example)
    assert floats.input.dtype == torch.float32 and float(floats.target.max()) <= 1


def test_making_a_paired_dataset_reads_nothing(tmp_path: Path):
    pairs(tmp_path), side_by_side(tmp_path / "none", "AtoB"), label_maps(tmp_path)


@pytest.mark.parametrize(("extra", "other"), [("blur", "sharp"), ("sharp", "blur")])
def test_a_file_without_counterpart_is_named(tmp_path: Path, extra: str, other: str):
    for folder in ("blur", "sharp"):
        save(tmp_path / folder / "a.png")
    save(tmp_path / extra / "b.png")
    with pytest.raises(
        DarkroomError, match=rf"{extra}/b\.png has no counterpart: none of the 1 images of {other} is named 'b'"
    ):
        pairs(tmp_path).open()


def test_files_of_different_sizes_are_named(tmp_path: Path):
    save(tmp_path / "blur" / "a.png", 6, 8)
    save(tmp_path / "sharp" / "a.png", 6, 9)
    for use in (lambda: pairs(tmp_path).open(), lambda: pairs(tmp_path).example(0)):
        with pytest.raises(DarkroomError, match=r"blur/a\.png has 8x6 pixels but .*sharp/a\.png 9x6"):
            use()


@pytest.mark.parametrize(("direction", "left_is"), [("AtoB", "input"), ("BtoA", "target")])
def test_one_file_holds_two_halves(tmp_path: Path, direction: str, left_is: str):
    pixels = save(tmp_path / "train" / "1.png", 6, 16)
    data = side_by_side(tmp_path / "train", direction)
    data.open()
    example = data.example(0)
    assert data.name == "train" and example.input.shape == example.target.shape == (3, 6, 8)
    assert np.array_equal(getattr(example, left_is).permute(1, 2, 0), pixels[:, :8])
    larger = side_by_side(tmp_path / "train", direction, size=(12, 10)).example(0)
    assert larger.input.shape == larger.target.shape == (3, 12, 10) and larger.input.dtype == torch.uint8


def test_a_file_without_two_equal_halves_is_named(tmp_path: Path):
    save(tmp_path / "train" / "odd.png", 6, 15)
    with pytest.raises(DarkroomError, match=r"odd\.png is 15 pixels wide, an odd number"):
        side_by_side(tmp_path / "train", "AtoB").open()


@pytest.mark.parametrize("direction", ["labels_to_photo", "photo_to_labels"])
def test_label_maps_are_integers(tmp_path: Path, direction: str):
    pixels = save(tmp_path / "photos" / "x.png")
    ids = np.random.default_rng(1).choice([0, 1, 2, 11], (6, 8))
    save_ids(tmp_path / "annot" / "x.png", ids)
    data = label_maps(tmp_path, ignored=11, direction=direction)
    data.open()
    example = data.example(0)
    labels, photograph = (example.input, example.target) if direction == "labels_to_photo" else (example.target, example.input)
    assert labels.dtype == torch.int64 and np.array_equal(labels[0], ids)
    assert np.array_equal(photograph.permute(1, 2, 0), pixels)
    assert list(data.digests()) == ["x"] and data.digests()["x"] == digest(photograph)
    assert data.describe().remarks == ["3 classes; id 11 has no class and is left out of evaluations"]


@pytest.mark.parametrize(
    ("ids", "ignored", "words"),
    [(3, None, "has the id 3; ids of 3 classes go from 0 to 2$"), (12, 11, r"has the id 12; .* 0 to 2 and 11 \(ignored\)$")],
)
def test_an_id_out_of_range_names_the_file(tmp_path: Path, ids: int, ignored: int | None, words: str):
    for name, value in (("a", 2), ("b", ids)):
        save(tmp_path / "photos" / f"{name}.png")
        save_ids(tmp_path / "annot" / f"{name}.png", np.full((6, 8), value))
    with pytest.raises(DarkroomError, match=r"annot/b\.png " + words):
        label_maps(tmp_path, ignored=ignored).open()


def test_a_palette_instead_of_ids_names_the_file(tmp_path: Path):
    save(tmp_path / "photos" / "a.png")
    (tmp_path / "annot").mkdir()
    Image.new("RGB", (8, 6), (200, 0, 0)).convert("P").save(tmp_path / "annot" / "a.png")
    with pytest.raises(DarkroomError, match=r"annot/a\.png: this label map has a palette instead of ids"):
        label_maps(tmp_path).open()


@pytest.mark.parametrize("size", [(3, 4), (11, 17), (6, 8), (1, 1)])
def test_label_maps_are_resized_by_the_nearest_pixel(tmp_path: Path, size: tuple[int, int]):
    ids = np.random.default_rng(2).integers(0, 250, (6, 8)).astype(np.uint8)
    save_ids(tmp_path / "a.png", ids)
    found = resized_ids(*size)(tmp_path / "a.png")
    expected = torch.nn.functional.interpolate(torch.from_numpy(ids)[None, None].float(), size, mode="nearest-exact")
    assert found.dtype == torch.uint8 and torch.equal(found.float(), expected[0])


def test_images_are_resized_as_pillow_does(tmp_path: Path):
    Image.fromarray(save(tmp_path / "a.png", 40, 60)).save(tmp_path / "a.png")
    found = resized(20, 31)(tmp_path / "a.png").permute(1, 2, 0).numpy().astype(int)
    with Image.open(tmp_path / "a.png") as image:
        pillow = np.asarray(image.resize((31, 20), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(found - pillow).max() <= 4 and np.abs(found - pillow).mean() < 0.5
    assert torch.equal(resized(40, 60)(tmp_path / "a.png"), read_uint8(tmp_path / "a.png"))


def camvid(root: Path, part: str, **options) -> LabelMaps:
    photographs = ImageSet.from_path(root / "CamVid" / part, read=options.pop("read", None))
    maps = ImageSet.from_path(root / "CamVid" / f"{part}annot", read=options.pop("read_maps", read_ids))
    return LabelMaps(f"camvid-{part}", photographs, maps, classes=CAMVID, ignored=11, **options)


def test_camvid(real_data: Path):
    data = camvid(real_data, "val")
    data.open()
    assert len(data) == 101
    assert {tuple(data.example(index).input.shape) for index in range(101)} == {(1, 360, 480)}
    assert torch.stack([data.example(index).input for index in range(101)]).unique().tolist() == list(range(12))
    batch = [PatchStream(data, patch_size=(128, 256), batch_size=4, seed=0, augmentation="flip").sample(0, n) for n in range(4)]
    for example in batch:
        assert example.input.shape == (1, 128, 256) and example.target.shape == (3, 128, 256)
        assert set(example.input.unique().tolist()) <= set(range(12))
    small = camvid(real_data, "val", read=resized(128, 256), read_maps=resized_ids(128, 256))
    assert small.example(0).input.shape == (1, 128, 256) and small.example(0).target.shape == (3, 128, 256)
    assert len(set(data.digests().values())) == 101


def test_facades(real_data: Path):
    data = side_by_side(real_data / "facades" / "val", "BtoA")
    data.open()
    assert len(data) == 100
    labels, photograph, _ = data.example(0)
    assert labels.shape == photograph.shape == (3, 256, 256)
    blue = [float(half[2].float().mean() - half[0].float().mean()) for half in (labels, photograph)]
    assert blue[0] > 60 > blue[1]  # facade labels are drawn mostly in blue


def test_gopro(real_data: Path):
    root = real_data / "GoPro" / "test" / "GOPR0477_11_00"
    data = PairedFolders("gopro", ImageSet.from_path(root / "blur"), ImageSet.from_path(root / "sharp"))
    data.open()
    assert len(data) == 4
    for index in range(4):
        blurred, sharp, _ = float_example(data.example(index))
        assert blurred.shape == (3, 720, 1280)
        assert blurred.diff(dim=-1).abs().mean() < sharp.diff(dim=-1).abs().mean()
        assert (blurred - sharp).abs().mean() < 0.1  # of the same scene
