from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.engine.restore_files import plan_files, restore_files
from darkroom.engine.restorer import Restorer
from darkroom.networks.basic_sr import BasicSRModel
from darkroom.networks.dncnn import DnCNN


@pytest.fixture(scope="module")
def identity() -> Restorer:
    """A network that returns its input, so that only reading and writing can change an image."""
    return Restorer(DnCNN(3, 4, 2).initialise(torch.Generator()), precision="32")


def restore(restorer: Restorer, source: Path, output: Path) -> list[str | None]:
    return [done.error for done in restore_files(restorer, plan_files(source, output))]


@pytest.mark.parametrize(
    ("mode", "ending"),
    [("RGB", ".png"), ("L", ".png"), ("RGBA", ".png"), ("LA", ".png"), ("RGB", ".tif"), ("RGB", ".bmp"), ("RGBA", ".webp")],
)
def test_kind_and_pixels_are_kept(identity: Restorer, tmp_path: Path, mode: str, ending: str):
    channels = len(Image.new(mode, (1, 1)).getbands())
    array = np.random.default_rng(0).integers(0, 256, (13, 17, channels), dtype=np.uint8)
    source, output = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    save = {"lossless": True, "exact": True} if ending == ".webp" else {}
    Image.fromarray(array[..., 0] if channels == 1 else array, mode).save(source, **save)
    assert restore(identity, source, output) == [None]
    with Image.open(output) as image:
        assert image.mode == mode
        if ending != ".webp":
            assert np.array_equal(np.asarray(image).reshape(13, 17, channels), array)


def test_16_bits_stay_16_bits(identity: Restorer, tmp_path: Path):
    pixels = torch.arange(3 * 12 * 10).reshape(3, 12, 10) * 180 / 65535
    images.write(tmp_path / "a.png", images.ImageFile(pixels, bits=16))
    assert restore(identity, tmp_path / "a.png", tmp_path / "b.png") == [None]
    again = images.read(tmp_path / "b.png")
    assert again.bits == 16
    torch.testing.assert_close(again.pixels, pixels, atol=1e-6, rtol=0)


def test_a_folder_keeps_its_structure_and_a_broken_file_does_not_stop_the_others(identity: Restorer, tmp_path: Path):
    source, output = tmp_path / "in", tmp_path / "out"
    (source / "summer" / "sea").mkdir(parents=True)
    Image.new("RGB", (8, 6), (10, 20, 30)).save(source / "a.png")
    Image.new("L", (1, 1)).save(source / "summer" / "b.png")
    Image.new("P", (8, 6)).save(source / "summer" / "sea" / "c.gif")
    (source / "summer" / "broken.jpg").write_bytes(b"not an image")
    errors = restore(identity, source, output)
    assert sum(error is not None for error in errors) == 1
    assert "broken.jpg" in next(error for error in errors if error)
    written = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert written == {"a.png", "summer/b.png", "summer/sea/c.png"}


def test_output_paths_of_files_and_folders(tmp_path: Path):
    (tmp_path / "in").mkdir()
    image = tmp_path / "in" / "a.png"
    Image.new("RGB", (4, 4)).save(image)
    assert plan_files(image, tmp_path / "b.jpg") == [(image, tmp_path / "b.jpg")]
    assert plan_files(image, tmp_path / "out") == [(image, tmp_path / "out" / "a.png")]
    (tmp_path / "dir.d").mkdir()
    assert plan_files(image, tmp_path / "dir.d") == [(image, tmp_path / "dir.d" / "a.png")]
    for source, output, words in [
        (image, image, "overwritten"),
        (image, tmp_path / "in", "overwritten"),
        (tmp_path / "in", tmp_path / "in", "inside the input"),
        (tmp_path / "in", tmp_path / "in" / "out", "inside the input"),
        (tmp_path / "in", image, "must be one too"),
        (tmp_path / "nothing", tmp_path / "out", "no image or folder"),
    ]:
        with pytest.raises(DarkroomError, match=words):
            plan_files(source, output)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA"])
def test_super_resolution_keeps_kind_and_transparency(tmp_path: Path, scale: int, mode: str):
    plain = BasicSRModel(1, 4, residual=True, scale=scale)
    for parameter in plain.layers[-1].parameters():
        torch.nn.init.zeros_(parameter)
    restorer = Restorer(plain, precision="32")
    restorer.tile = 20
    channels = len(Image.new(mode, (1, 1)).getbands())
    array = np.full((30, 21, channels), 90, np.uint8)
    array[..., -1] = 200
    Image.fromarray(array[..., 0] if channels == 1 else array, mode).save(tmp_path / "a.png")
    assert restore(restorer, tmp_path / "a.png", tmp_path / "b.png") == [None]
    with Image.open(tmp_path / "b.png") as image:
        assert image.mode == mode and image.size == (21 * scale, 30 * scale)
        assert np.unique(np.asarray(image)).tolist() == np.unique(array).tolist()


def test_several_files_and_folders_go_into_a_folder(tmp_path: Path):
    for name in ("a.png", "b.jpg", "more/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    planned = plan_files([tmp_path / "a.png", tmp_path / "b.jpg", tmp_path / "more"], tmp_path / "out")
    assert [target.name for _, target in planned] == ["a.png", "b.jpg", "c.png"]
    with pytest.raises(DarkroomError, match=r"2 inputs go into a folder; .*x\.png is the name of a file"):
        plan_files([tmp_path / "a.png", tmp_path / "b.jpg"], tmp_path / "x.png")


def test_two_inputs_for_one_output_are_noticed_before_starting(tmp_path: Path):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "a.gif"):
        Image.new("RGB", (4, 4)).save(tmp_path / "in" / name)
    with pytest.raises(DarkroomError, match=r"a\.gif and .*a\.png would both be written to .*a\.png: rename one"):
        plan_files(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_a_file_has_more_than_its_format_keeps_is_said(identity: Restorer, tmp_path: Path):
    frames = [Image.new("RGB", (16, 16), (shade, 0, 0)) for shade in (0, 100, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    (done,) = restore_files(identity, plan_files(tmp_path / "a.gif", tmp_path / "b.png"))
    assert "3" in done.remark and "frame" in done.remark
