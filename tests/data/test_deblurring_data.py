"""GoPro and Köhler in their layouts, label maps as segments, and the makers of pairs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.images import read_ids, read_uint8, to_float
from darkroom.data.frame_blur import interpolated, read_frames_of, write_pairs
from darkroom.data.gopro import gopro
from darkroom.data.image_set import ImageSet
from darkroom.data.koehler import Koehler
from darkroom.data.label_maps import LabelMaps
from darkroom.data.paired_folders import PairedFolders
from darkroom.data.shaken import DrawnForEachImage, SegmentedStream
from darkroom.data.shaken_files import write_shaken
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair

PAIR = ShakenPair(CameraShake(9, steps=200))


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_gopro_pairs_are_found_by_scene_and_number(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path))
    for scene in ("GOPR1", "GOPR2"):
        for seed, kind in enumerate(("blur", "blur_gamma", "sharp")):
            save(tmp_path / "GoPro" / "test" / scene / kind / "000001.png", noise(seed, 12, 16, 3))
    for gamma, seed in ((False, 0), (True, 1)):
        pairs = gopro("test", gamma=gamma)
        pairs.open()
        assert pairs.names == ["GOPR1/000001", "GOPR2/000001"] and pairs.name == ("gopro-gamma" if gamma else "gopro")
        input, target, _ = pairs.example(1)
        assert torch.equal(input, torch.from_numpy(noise(seed, 12, 16, 3)).permute(2, 0, 1))
        assert torch.equal(target, torch.from_numpy(noise(2, 12, 16, 3)).permute(2, 0, 1))
    with pytest.raises(DarkroomError, match="GoPro is not at .*train: put its scenes there"):
        gopro("train").open()
    (tmp_path / "GoPro" / "train").mkdir()
    with pytest.raises(DarkroomError, match="has no scene with a folder blur: the layout is train/SCENE/blur/NUMBER.png"):
        gopro("train").open()


def test_koehler_s_photographs_have_the_frames_of_their_trajectory(tmp_path: Path):
    for shake in (1, 12):
        save(tmp_path / "BlurryImages" / f"Blurry2_{shake}.png", noise(shake, 12, 16, 3))
        for number in (1, 2, 10):
            frame = tmp_path / "Image2" / f"Kernel{shake}" / f"GroundTruth2_{shake}_{number}.png"
            save(frame, noise(100 * shake + number, 12, 16, 3))
    data = Koehler(tmp_path)
    data.open()
    assert data.names == ["2_1", "2_12"]
    blurred, frames, _ = data.example(1)
    assert blurred.shape == (3, 12, 16) and frames.shape == (3, 3, 12, 16) and frames.dtype == torch.uint8
    assert torch.equal(frames[2], torch.from_numpy(noise(1210, 12, 16, 3)).permute(2, 0, 1))  # 10 comes after 2
    save(tmp_path / "BlurryImages" / "Blurry3_1.png", noise(0, 12, 16, 3))
    with pytest.raises(DarkroomError, match=r"Blurry3_1.png has no frames: none of .* is named GroundTruth3_1_NUMBER.png"):
        Koehler(tmp_path).open()
    with pytest.raises(DarkroomError, match="is not at .*: unpack BlurryImages.zip"):
        Koehler(tmp_path / "nothing").open()


def test_every_image_has_a_shake_of_its_own_that_depends_on_its_name():
    clean = to_float(torch.from_numpy(noise(0, 3, 30, 40)))
    random = torch.Generator()
    shakes = DrawnForEachImage(PAIR, seed=1, times=2)
    first, second = (degrade(clean, random) for degrade in shakes("a"))
    (again, _), (other, _) = ([degrade(clean, random) for degrade in shakes(name)] for name in ("a", "b"))
    assert torch.equal(first.input, again.input)
    assert not torch.equal(first.input, second.input) and not torch.equal(first.input, other.input)
    assert str(shakes) == f"{PAIR}; drawn 2 times for each image by its name and the seed 1"


def label_maps(folder: Path) -> LabelMaps:
    ids = np.zeros((40, 50), np.uint8)
    ids[:, :20] = 1
    save(folder / "photos" / "a.png", noise(0, 40, 50, 3))
    save(folder / "ids" / "a.png", ids)
    maps = ImageSet.from_path(folder / "ids", read=read_ids)
    return LabelMaps("toy", ImageSet.from_path(folder / "photos"), maps, classes=("road", "car"))


def test_segments_of_label_maps_move_differently(tmp_path: Path):
    pair = ShakenPair(CameraShake(9, steps=200), 2, field_given=True)
    stream = SegmentedStream(label_maps(tmp_path), pair, patch_size=32, batch_size=2, seed=0, augmentation="none")
    stream.open()
    shaken, sharp, (kernels, masks) = stream.sample(3, 1)
    assert shaken.shape == (3, 24, 24) and sharp.shape == (3, 32, 32) and kernels.shape == (2, 9, 9)
    assert torch.equal(shaken, stream.sample(3, 1).input)
    flips = [torch.equal(mask, mask[:1].expand_as(mask)) for mask in masks]
    assert all(flips)  # the border between the segments is a vertical line
    assert "the segments are those of the label maps" in stream.describe().degradation


def test_pairs_of_photographs_are_written_and_read_again(tmp_path: Path):
    maps = label_maps(tmp_path)
    images, labels = ImageSet.from_path(tmp_path / "photos"), ImageSet.from_path(tmp_path / "ids", read=read_ids)
    for number, (segments, found) in enumerate([(1, None), (2, labels)]):
        pair = ShakenPair(CameraShake(9, steps=200), segments)
        assert write_shaken(images, tmp_path / str(number), pair, labels=found) == 1
        folder = tmp_path / str(number)
        pairs = PairedFolders("made", ImageSet.from_path(folder / "blur"), ImageSet.from_path(folder / "sharp"))
        pairs.open()
        input, target, _ = pairs.example(0)
        assert torch.equal(target, maps.pairs.inputs[0][:, 4:-4, 4:-4]) and input.shape == target.shape
        assert not torch.equal(input, target)
    save(tmp_path / "ids" / "a.png", np.zeros((8, 9), np.uint8))
    wrong = ImageSet.from_path(tmp_path / "ids", read=read_ids)
    with pytest.raises(DarkroomError, match=r"a.png.*its label map has 9x8 pixels and the image 50x40"):
        write_shaken(images, tmp_path / "x", ShakenPair(CameraShake(9), 2), labels=wrong)
    with pytest.raises(DarkroomError, match=r"a.png.*no label map: none of the 1 of photos is named 'a'|a.png"):
        write_shaken(images, tmp_path / "x", ShakenPair(CameraShake(65)))


def square(left: int) -> np.ndarray:
    frame = np.full((32, 64, 3), 30, np.uint8)
    frame[10:20, left : left + 10] = 210
    return frame


def test_frames_are_averaged_in_gopro_s_layout(tmp_path: Path):
    for number in range(7):
        save(tmp_path / "frames" / f"{number:03d}.png", square(5 * number))
    scene = tmp_path / "GoPro" / "train" / "toy"
    assert write_pairs(tmp_path / "frames", scene, frames=3) == 2
    assert sorted(path.name for path in (scene / "sharp").iterdir()) == ["000002.png", "000005.png"]
    assert torch.equal(read_uint8(scene / "sharp" / "000002.png"), torch.from_numpy(square(5)).permute(2, 0, 1))
    frames = torch.stack([torch.from_numpy(square(5 * number)).permute(2, 0, 1).float() / 255 for number in range(3)])
    for kind, gamma in (("blur", 1.0), ("blur_gamma", 2.2)):
        expected = 255 * (frames**gamma).mean(0) ** (1 / gamma)
        assert (read_uint8(scene / kind / "000002.png").float() - expected).abs().max() <= 0.51
    for frames_given, words in [(4, "--frames 4: an odd number"), (9, "fewer than 9 frames")]:
        with pytest.raises(DarkroomError, match=words):
            write_pairs(tmp_path / "frames", tmp_path / "x", frames=frames_given)
    save(tmp_path / "frames" / "003.png", square(0)[:16])
    with pytest.raises(DarkroomError, match=r"003.png has 64x16 pixels and the first frame 64x32"):
        write_pairs(tmp_path / "frames", tmp_path / "x", frames=5)


def test_interpolation_fills_the_gaps_of_motion():
    frames = torch.stack([torch.from_numpy(square(10 + 3 * number)).permute(2, 0, 1).float() / 255 for number in range(2)])
    filled = interpolated(frames, 2)
    assert filled.shape == (4, 3, 32, 64) and torch.equal(filled[0], frames[0]) and torch.equal(filled[3], frames[1])
    for number, left in ((1, 11), (2, 12)):
        between = torch.from_numpy(square(left)).permute(2, 0, 1).float() / 255
        error = (filled[number] - between).abs().mean()
        assert error < 0.75 * min((frames[0] - between).abs().mean(), (frames[1] - between).abs().mean())


def test_videos_are_read_frame_by_frame(tmp_path: Path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "clip.mp4"
    writer = ffmpeg.write_frames(str(path), (64, 32), fps=30, quality=9, macro_block_size=2)
    writer.send(None)
    for number in range(5):
        writer.send(np.ascontiguousarray(square(10 * number)))
    writer.close()
    frames = list(read_frames_of(path))
    assert len(frames) == 5 and frames[0].shape == (3, 32, 64)
    assert (frames[3].float() - torch.from_numpy(square(30)).permute(2, 0, 1).float()).abs().mean() < 6
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(DarkroomError, match=r"broken.mp4 cannot be read as a video"):
        list(read_frames_of(tmp_path / "broken.mp4"))
    with pytest.raises(DarkroomError, match="no video at"):
        list(read_frames_of(tmp_path / "nothing.mp4"))
