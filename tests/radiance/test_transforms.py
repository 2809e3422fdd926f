"""Transforms files of Blender, instant-ngp and nerfstudio: every frame has its own camera, and nothing is ignored."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import default_collate

from darkroom.core.errors import DarkroomError
from darkroom.radiance import blender, tabletop
from darkroom.radiance.camera_files import cameras_in, placed
from darkroom.radiance.cameras import Camera
from darkroom.radiance.rays import QueriedViews, RayStream
from darkroom.radiance.scenes import Frame
from darkroom.radiance.space import Space

SIZES = [(16, 12), (16, 12), (12, 16), (32, 24), (16, 12)]


def file(folder: Path, frames: list[dict[str, Any]] = [{}] * 5, sizes: list = SIZES, **content: Any) -> Path:
    """A scene of photographs without opacity, cameras around the origin at a distance of 2."""
    written = []
    for number, (own, size) in enumerate(zip(frames, sizes, strict=False)):
        pose = tabletop.cameras(len(frames), 8)[number].pose.clone()
        pose[:, 3] = 2 * torch.nn.functional.normalize(pose[:, 3], dim=0)
        frame = {"file_path": f"images/{number}", "transform_matrix": [*pose.tolist(), [0, 0, 0, 1]], **own}
        path = folder / frame["file_path"]
        path = path if path.suffix in (".png", ".jpg") else path.with_name(path.name + ".png")
        path.parent.mkdir(exist_ok=True, parents=True)
        noise = (torch.rand(size[1], size[0], 3, generator=torch.Generator().manual_seed(number)) * 255).byte()
        Image.fromarray(noise.numpy()).save(path)
        written.append({key: value for key, value in frame.items() if value is not ...})
    (folder / "transforms.json").write_text(json.dumps({"camera_angle_x": 0.9, **content, "frames": written}))
    return folder / "transforms.json"


def test_every_frame_has_its_own_camera(tmp_path: Path):
    """A frame's entries come before the file's; lengths are scaled to the size of the image; angles are of the whole image."""
    frames = [
        {},
        {"camera_angle_x": 1.2},
        {"fl_x": 20.0, "w": 12, "h": 16},
        {"w": 16, "h": 12},
        {"fl_x": 9.0, "fl_y": 8.0, "cx": 7},
    ]
    views, _ = blender.read_frames(file(tmp_path, frames, fl_x=30.0, fl_y=31.0, w=16, h=12, cy=5.0))
    cameras = [view.camera for view in views]
    assert [(camera.width, camera.height) for camera in cameras] == SIZES
    assert [camera.fx for camera in cameras] == pytest.approx([30, 8 / math.tan(0.6), 20, 60, 9])
    assert [camera.fy for camera in cameras] == pytest.approx([31, 8 / math.tan(0.6), 20, 62, 8])
    assert [camera.cx for camera in cameras] == pytest.approx([8, 8, 6, 16, 7])
    assert [camera.cy for camera in cameras] == pytest.approx([5, 5, 5, 10, 5])
    other = file(tmp_path / "angles", [{}], camera_angle_y=0.5)
    assert blender.read_frames(other)[0][0].camera.fy == pytest.approx(6 / math.tan(0.25))


def test_photographs_of_several_sizes_are_drawn_from_and_evaluated(tmp_path: Path):
    scene = blender.scene(file(tmp_path).parent)
    stream = RayStream(lambda: scene, background=0.0, rays=512, seed=1)
    stream.open()
    drawn = default_collate([stream.sample(0, index) for index in range(2)])
    pixels = [torch.from_numpy(np.asarray(Image.open(view.path)).copy()) for view in scene.views["train"]]
    chosen = list(zip(*(part.flatten().tolist() for part in drawn[:3]), strict=True))
    expected = torch.stack([pixels[view][y, x] for view, x, y in chosen]) / 255
    torch.testing.assert_close(stream.on_device(drawn).target, expected)
    for number, view in enumerate(scene.views["train"]):
        at = [(x, y) for drawn_from, x, y in chosen if drawn_from == number]
        assert max(x for x, _ in at) >= view.camera.width - 2 and max(y for _, y in at) >= view.camera.height - 2
    assert "12x16 to 32x24" in stream.describe().sample
    for name in scene.by_name:
        example = QueriedViews(lambda: scene, 0.0).example(name)
        assert example.input.shape == example.target.shape


def test_paths_with_and_without_their_ending(tmp_path: Path):
    frames = [
        {"file_path": "images/frame.001"},
        {"file_path": "b.jpg"},
        {"file_path": "./c"},
        {"file_path": "images/d.JPG"},
        {},
    ]
    path = file(tmp_path, frames[:3])
    (tmp_path / "c.png").rename(tmp_path / "c.JPG")
    found = [view.path.name for view in blender.read_frames(path)[0]]
    assert found == ["frame.001.png", "b.jpg", "c.JPG"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"mask_path": "masks/0.png"}, "mask_path is not supported: Darkroom does not read masks"),
        ({"camera_model": "EQUIRECTANGULAR"}, "camera_model 'EQUIRECTANGULAR' is not supported; read are SIMPLE_PINHOLE"),
        ({"rolling_shutter": [0, 0, 1, 0]}, "rolling_shutter is not supported"),
        ({"from_na": True}, "from_na is not supported"),
        ({"k4": 0.1}, "k4 0.1 is not a coefficient of a lens that is no fisheye"),
        ({"is_fisheye": True, "p1": 0.1}, "p1 0.1 is not a coefficient of a fisheye lens"),
        ({"k5": 0.1}, "k5 is not supported: Darkroom does not read a rational"),
        ({"fl_x": None}, "fl_x must be a number from 0.001 to 1e.09, not null"),
        ({"w": 16, "h": 16}, "its image has 16x12 pixels, but w and h are 16 and 16"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(entries: dict, message: str, tmp_path: Path):
    for path in (file(tmp_path / "all", sizes=[(16, 12)] * 5, **entries), file(tmp_path / "one", [{}, entries, {}])):
        with pytest.raises(DarkroomError, match=message):
            blender.scene(path.parent)
    harmless = dict(
        rolling_shutter=[0, 0, 0], mask_path=None, is_fisheye=False, k4=0.0, applied_scale=2.0, camera_model="OPENCV"
    )
    assert blender.scene(file(tmp_path / "none", **harmless).parent).views["train"]


def test_lists_of_a_split_are_followed(tmp_path: Path):
    path = file(tmp_path, train_filenames=["images/1.png", "images/3"], test_filenames=["./images/4.png"])
    scene = blender.scene(path.parent)
    assert {split: [view.name for view in views] for split, views in scene.views.items()} == {
        "train": ["1", "3"],
        "test": ["4"],
    }
    assert any("2 of the 5 frames" in remark and "train_filenames" in remark for remark in scene.remarks)
    with pytest.raises(DarkroomError, match="test_filenames must be a list of paths"):
        blender.scene(file(tmp_path, test_filenames="images/4").parent)


def path_file(folder: Path, **content: Any) -> Path:
    pose = torch.cat([tabletop.cameras(3, 8)[1].pose, torch.tensor([[0.0, 0, 0, 1]])])
    each = {"camera_to_world": pose.flatten().tolist(), "fov": 60.0, "aspect": 1.5}
    sizes = dict(camera_type="perspective", render_height=20, render_width=30, camera_path=[each, each])
    (folder / "camera_path.json").write_text(json.dumps({**sizes, **content}))
    return folder / "camera_path.json"


def test_a_camera_path_of_nerfstudio_is_read(tmp_path: Path):
    views, _ = cameras_in(path_file(tmp_path))
    camera = views[1].camera
    assert [view.name for view in views] == ["0000", "0001"] and (camera.width, camera.height) == (30, 20)
    assert camera.fx == pytest.approx(10 / math.tan(math.radians(30))) and camera.cx == 15
    torch.testing.assert_close(camera.pose, tabletop.cameras(3, 8)[1].pose)
    for content, message in (
        ({"camera_type": "equirectangular"}, "camera_type 'equirectangular' is not supported"),
        ({"camera_path": []}, "no list of cameras"),
        ({"camera_path": [{"camera_to_world": [1] * 15, "fov": 50}]}, "camera 0: camera_to_world must be 3x4 or 4x4"),
        ({"render_width": None}, "render_width must be a number"),
    ):
        with pytest.raises(DarkroomError, match=message):
            cameras_in(path_file(tmp_path, **content))


def test_cameras_of_another_world_are_noticed(tmp_path: Path):
    scene, space = blender.scene(file(tmp_path).parent), Space()
    space.fill(scene)
    views, _ = blender.read_frames(tmp_path / "transforms.json")
    same, remarks = placed(views, space)
    assert not remarks
    for view in same:
        torch.testing.assert_close(view.camera.pose, scene.cameras[view.name].pose)

    def moved(rotation: torch.Tensor, scale: float) -> str:
        poses = [torch.cat([rotation @ v.camera.pose[:, :3], scale * rotation @ v.camera.pose[:, 3:]], 1) for v in views]
        cameras = [Camera(**{**vars(v.camera), "pose": pose}) for v, pose in zip(views, poses, strict=True)]
        others = [type(v)(v.name, v.path, camera) for v, camera in zip(views, cameras, strict=True)]
        return " ".join(placed(others, space)[1])

    quarter_turn = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    assert "times as far from the scene's centre" in moved(torch.eye(3), 10.0)
    assert "horizon is tilted" in moved(quarter_turn, 1.0)
    assert "upside down" in moved(torch.diag(torch.tensor([1.0, -1.0, -1.0])), 1.0)


def test_the_frame_of_a_scene_is_kept_with_its_weights(tmp_path: Path):
    space, loaded = Space(), Space()
    space.fill(blender.scene(file(tmp_path).parent))
    state = space.state_dict()
    loaded.load_state_dict(state)
    assert loaded.frame == space.frame and loaded.frame.scale != 1
    earlier = {name: tensor for name, tensor in state.items() if name not in ("origin", "scale")}
    other = Space()
    other.load_state_dict(earlier)
    assert other.frame == Frame()
