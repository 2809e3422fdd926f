"""Scenes from files: the layouts, and errors in them in one line."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import default_collate

from darkroom.core.errors import DarkroomError
from darkroom.radiance import blender, llff, named, tabletop
from darkroom.radiance.cameras import handedness
from darkroom.radiance.rays import QueriedViews, RayStream
from darkroom.radiance.scenes import read_view


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Six training views of the embedded scene, two validation views, two test views."""
    path = tmp_path_factory.mktemp("scene") / "table"
    tabletop.write(path, views=6, size=24, held_out=2)
    return path


def copied(folder: Path, to: Path) -> Path:
    import shutil

    return Path(shutil.copytree(folder, to))


def changed(path: Path, **changes) -> None:
    described = json.loads(path.read_text())
    path.write_text(json.dumps({**described, **changes}))


def test_the_embedded_scene_is_in_the_blender_layout(folder: Path):
    scene = blender.scene(folder)
    assert {split: len(views) for split, views in scene.views.items()} == {"train": 6, "val": 2, "test": 2}
    assert (scene.near, scene.far) == (2.0, 6.0)
    view = scene.views["train"][0]
    assert view.camera.fx == pytest.approx(0.5 * 24 / math.tan(0.5 * 0.6911112), rel=1e-5)
    assert float(view.camera.centre.norm()) == pytest.approx(4.0, abs=1e-4)
    assert Image.open(view.path).mode == "RGBA"
    described = json.loads((folder / "transforms_train.json").read_text())
    assert described["frames"][0]["file_path"] == "./train/r_000"
    assert not scene.remarks


def test_a_ball_is_hit_where_geometry_says_and_nowhere_else():
    """t is its distance minus its radius; upward rays that pass it hit nothing."""
    ball, radius = torch.tensor([-0.42, -0.30, -0.18]), 0.42
    camera = tabletop.cameras(3, 200)[2]
    towards = torch.nn.functional.normalize(ball - camera.centre, dim=0)
    _, seen, t = tabletop.trace(camera.centre[None], towards[None])
    assert bool(seen)
    assert float(t) == pytest.approx(float((ball - camera.centre).norm()) - radius, abs=1e-4)
    rays = camera.rays()
    missed = (torch.linalg.cross(rays.viewing, (ball - rays.origins)).norm(dim=1) > radius + 1e-3) & (rays.viewing[:, 2] > 0)
    assert not tabletop.trace(rays.origins, rays.directions)[1][missed].any()


def test_a_view_is_composited_over_its_background_and_downscaled_by_averaging(folder: Path):
    view = blender.scene(folder).views["train"][0]
    rgba = torch.from_numpy(np.asarray(Image.open(view.path)).copy()).float() / 255
    over = rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]
    assert torch.equal(read_view(view, 1.0), (over * 255).round().byte().permute(2, 0, 1))
    half = read_view(replace(view, camera=view.camera.resized(12, 12)), 1.0).float()
    means = over.view(12, 2, 12, 2, 3).mean((1, 3)).permute(2, 0, 1) * 255
    assert float((half - means).abs().max()) <= 0.51


def test_frames_without_an_image_are_left_out_with_a_remark(folder: Path, tmp_path: Path):
    mine = copied(folder, tmp_path / "mine")
    (mine / "train" / "r_003.png").unlink()
    scene = blender.scene(mine)
    assert len(scene.views["train"]) == 5
    assert "1 of the 6 frames" in scene.remarks[0]
    assert "r_003.png" in scene.remarks[0]
    for path in (mine / "train").iterdir():
        path.unlink()
    with pytest.raises(DarkroomError, match="no training image"):
        blender.scene(mine)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "transforms_train.json").write_text("{"), "is damaged: Expecting"),
        (lambda f: (f / "transforms_train.json").write_text("[1]"), "holds a list, not an object"),
        (
            lambda f: changed(f / "transforms_train.json", frames=[{"file_path": "./train/r_000"}]),
            "frame 0: it has no transform_matrix",
        ),
        (
            lambda f: (f / "transforms_train.json").write_text(
                json.dumps({"frames": [{"file_path": "./train/r_000", "transform_matrix": torch.eye(4).tolist()}]})
            ),
            "frame 0: neither camera_angle_x nor fl_x",
        ),
        (
            lambda f: Image.new("RGB", (9, 24)).save(f / "train" / "r_001.png"),
            "frame 1: its image has 9x24 pixels, but w and h are 24 and 24",
        ),
        (lambda f: (f / "train" / "r_001.png").write_bytes(b"rubbish"), "r_001.png cannot be read: not an image"),
        (lambda f: [p.unlink() for p in f.glob("*.json")], "is it a scene"),
    ],
)
def test_broken_files_are_one_line(folder: Path, tmp_path: Path, break_it, message: str):
    mine = copied(folder, tmp_path / "mine")
    break_it(mine)
    with pytest.raises(DarkroomError, match=message):
        blender.scene(mine)


def test_left_handed_poses_are_remarked(folder: Path, tmp_path: Path):
    mine = copied(folder, tmp_path / "mine")
    described = json.loads((mine / "transforms_train.json").read_text())
    for frame in described["frames"]:
        for row in frame["transform_matrix"][:3]:
            row[0] = -row[0]
    (mine / "transforms_train.json").write_text(json.dumps(described))
    assert "left-handed" in blender.scene(mine).remarks[0]


def test_one_transforms_file_is_split_by_number(folder: Path, tmp_path: Path):
    mine = copied(folder, tmp_path / "mine")
    (mine / "transforms_train.json").rename(mine / "transforms.json")
    for name in ("val", "test"):
        (mine / f"transforms_{name}.json").unlink()
    scene = blender.scene(mine)
    assert [view.name for view in scene.views["test"]] == ["r_000"]
    assert len(scene.views["train"]) == 5


def test_an_image_without_opacity_is_opaque(folder: Path, tmp_path: Path):
    mine = copied(folder, tmp_path / "mine")
    for path in (mine / "train").iterdir():
        Image.open(path).convert("RGB").save(path)
    view = blender.scene(mine).views["train"][0]
    assert torch.equal(read_view(view, 1.0), read_view(view, 0.0))


def test_the_stream_is_a_function_and_its_colours_are_those_of_the_pixels(folder: Path):
    scene = blender.scene(folder)
    stream = RayStream(lambda: scene, background=1.0, rays=512, seed=3)
    stream.open()
    one, again = stream.sample(7, 1), stream.sample(7, 1)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    rays, colour, background = stream.on_device(default_collate([one]))
    assert (background == 1).all()
    camera = scene.views["train"][2].camera
    mine = (rays.origins - camera.centre).norm(dim=1) < 1e-5
    local = rays.directions[mine] @ camera.pose[:, :3]
    x, y = camera.fx * local[:, 0] + camera.cx, -camera.fy * local[:, 1] + camera.cy
    image = read_view(scene.views["train"][2], 1.0)
    expected = image[:, y.floor().long(), x.floor().long()].T / 255
    torch.testing.assert_close(colour[mine], expected)
    with pytest.raises(DarkroomError, match="multiple of 256"):
        RayStream(lambda: scene, background=1.0, rays=100, seed=3)


def test_a_random_background_is_seen_through_transparent_pixels_only(folder: Path):
    scene = blender.scene(folder)
    stream = RayStream(lambda: scene, background=None, rays=512, seed=3)
    stream.open()
    drawn = default_collate([stream.sample(0, index) for index in range(2)])
    rays, colour, background = stream.on_device(drawn)
    files = [np.asarray(Image.open(view.path)) / 255 for view in scene.views["train"]]
    pixels = zip(*(part.flatten().tolist() for part in drawn[:3]), strict=True)
    reference = torch.tensor(np.stack([files[view][y, x] for view, x, y in pixels]), dtype=torch.float32)
    opacity = reference[:, 3:]
    assert (opacity == 0).any() and (opacity == 1).any()
    torch.testing.assert_close(colour, reference[:, :3] * opacity + background * (1 - opacity), atol=2 / 255, rtol=0)
    assert background.std() > 0.2 and rays.origins.shape == (512, 3)


def test_the_example_of_a_view_has_the_nearest_photograph_as_input(folder: Path):
    scene = blender.scene(folder)
    name = scene.views["test"][0].name
    photograph = read_view(scene.views["test"][0], 1.0) / 255
    queried = QueriedViews(lambda: scene, 1.0)
    example = queried.of(name)(photograph, torch.Generator())
    assert torch.equal(example.target, photograph)
    assert torch.equal(example.condition[0], scene.cameras[name].intrinsics)
    assert torch.equal(example.condition[1], scene.cameras[name].pose)
    nearest = min(scene.views["train"], key=lambda view: float((view.camera.centre - scene.cameras[name].centre).norm()))
    assert torch.equal(example.input, read_view(nearest, 1.0) / 255)
    for mine, theirs in zip(queried.example(name)[:2], example[:2], strict=True):
        assert torch.equal(mine, theirs)
    assert queried.names("test") == [view.name for view in scene.views["test"]]
    with pytest.raises(DarkroomError, match="has no other views"):
        queried.names("other")


def test_the_protocol_of_views_is_stated_in_words():
    described = [str(QueriedViews(lambda: None, *options)) for options in ((1.0,), (0.0, 200), (0.5,))]
    assert described == [
        "views over white at their own size",
        "views over black, downscaled to a width of 200 pixels",
        "views over grey 0.5 at their own size",
    ]


def test_the_stream_describes_its_rays(folder: Path):
    scene = blender.scene(folder)
    stream = RayStream(lambda: scene, background=None, rays=512, seed=3)
    stream.open()
    record = stream.describe()
    assert (record.dataset, record.count, record.samples_per_step, record.unit) == ("table, training views", 6, 512, "rays")
    assert "24x24" in record.sample and "random background" in record.degradation


def test_digests_are_of_pixels_over_any_background(folder: Path, tmp_path: Path):
    """A test view that is a copy of a training photograph is found, though the file is another one; the others are not."""
    mine = copied(folder, tmp_path / "mine")
    with Image.open(mine / "train" / "r_002.png") as image:
        image.save(mine / "test" / "r_001.png", compress_level=1)
    scene = blender.scene(mine)
    found = []
    for background in (1.0, None):
        stream = RayStream(lambda: scene, background=background, rays=256, seed=0)
        stream.open()
        found.append(stream.digests())
    assert found[0] == found[1] and set(found[0]) == {view.name for view in scene.views["train"]}
    tested = QueriedViews(lambda: scene, 0.0).digests([view.name for view in scene.views["test"]])
    assert tested["test_r_001"] == found[0]["train_r_002"]
    assert len({*tested.values(), *found[0].values()}) == len(tested) + len(found[0]) - 1


def test_llff_by_hand(tmp_path: Path):
    """Two cameras side by side, given as down, right, back: recentred, right-handed, the nearest bound at 4/3."""
    (tmp_path / "images_8").mkdir()
    poses = []
    for number, x in enumerate((-1.0, 1.0)):
        Image.new("RGB", (40, 30)).save(tmp_path / "images_8" / f"{number}.png")
        down, right, back = [0.0, -1, 0], [1.0, 0, 0], [0.0, 0, 1]
        matrix = np.stack([down, right, back, [x, 5.0, 7.0], [240.0, 320.0, 400.0]], 1)
        poses.append([*matrix.ravel(), 2.0, 20.0])
    np.save(tmp_path / "poses_bounds.npy", np.array(poses))
    scene = llff.scene(tmp_path)
    cameras = [scene.cameras[name] for name in ("0", "1")]
    scale = 1 / (0.75 * 2.0)
    torch.testing.assert_close(cameras[0].pose, torch.tensor([[1.0, 0, 0, -scale], [0, 1, 0, 0], [0, 0, 1, 0]]))
    torch.testing.assert_close(cameras[1].centre, torch.tensor([scale, 0, 0]))
    assert cameras[0].fx == pytest.approx(400 / 8)
    assert scene.near == pytest.approx(4 / 3)
    assert scene.forward_facing
    np.save(tmp_path / "poses_bounds.npy", np.array(poses)[:1])
    with pytest.raises(DarkroomError, match="1 poses, but"):
        llff.scene(tmp_path)
    (tmp_path / "poses_bounds.npy").write_bytes(b"no")
    with pytest.raises(DarkroomError, match="cannot be read as a NumPy array"):
        llff.scene(tmp_path)


def test_real_scenes_are_read(real_data: Path):
    lego = named.scene("lego", 100)
    assert len(lego.views["train"]) == 100
    assert lego.views["train"][0].camera.width == 100
    assert lego.views["train"][0].camera.fx == pytest.approx(1111.111 / 8, rel=1e-4)
    fern = named.scene("fern")
    assert [len(fern.views[split]) for split in ("train", "test")] == [17, 3]
    poses = torch.stack([camera.pose for camera in fern.cameras.values()])
    torch.testing.assert_close(handedness(poses), torch.ones(20), atol=1e-3, rtol=0)
    assert float(poses[:, :, 3].mean(0).norm()) < 1e-4


def test_an_unknown_scene_is_one_line(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path))
    with pytest.raises(DarkroomError, match="the scene drums is missing: put it at"):
        named.scene("drums")
    with pytest.raises(DarkroomError, match="no folder at"):
        named.scene(str(tmp_path / "nowhere"))
