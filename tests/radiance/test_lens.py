"""Distortion against COLMAP's cameras, and undistorted photographs against the scene."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from PIL import Image

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.images import ImageFile
from darkroom.radiance import blender, motion
from darkroom.radiance.cameras import Camera
from darkroom.radiance.lens import WIDEST, Lens, displacement, distorted, pinhole, undistorted
from darkroom.radiance.scenes import View, read_view

POSE = torch.eye(4)[:3]


def camera(width: int = 64, height: int = 48, focal: float = 60.0) -> Camera:
    return Camera(width, height, focal, focal, width / 2, height / 2, POSE)


@given(st.floats(-0.4, 0.4), st.integers(0, 99))
def test_distortion_is_colmaps(k: float, seed: int):
    pycolmap = pytest.importorskip("pycolmap")
    points = torch.rand(20, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.5
    theirs = pycolmap.Camera(model="SIMPLE_RADIAL", width=64, height=48, params=[60.0, 32.0, 24.0, k])
    pixels = theirs.img_from_cam(np.concatenate([points.numpy(), np.ones((20, 1))], 1))
    mine = 60 * distorted(points, Lens(k1=k)) + torch.tensor([32.0, 24.0])
    torch.testing.assert_close(mine, torch.from_numpy(pixels))
    corner = theirs.img_from_cam(np.array([[-32 / 60, -24 / 60, 1.0]]))[0]
    assert displacement(camera(), Lens(k1=k)) == pytest.approx(float(np.hypot(*corner)), rel=1e-9)


@given(st.floats(-0.5, 0.5), st.integers(16, 90), st.integers(16, 90), st.floats(20, 200))
def test_the_pinhole_camera_has_the_widest_view_within_the_photograph(k: float, width: int, height: int, focal: float):
    lens = camera(width, height, focal)
    seen = pinhole(lens, Lens(k1=k))
    edge = torch.linspace(0, 1, 33, dtype=torch.float64)[:, None]
    corners = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], dtype=torch.float64)
    border = torch.cat([a + edge * (b - a) for a, b in pairwise(corners)])
    size = torch.tensor([width, height])
    there = distorted((border - 0.5) * size / seen.fx, Lens(k1=k)) * focal / size + 0.5
    assert there.min() > -1e-6 and there.max() < 1 + 1e-6
    folded = 1 + 3 * k * ((border - 0.5) * size / seen.fx).square().sum(1)
    assert min(float(there.min()), float(folded.min())) == pytest.approx(0, abs=2e-2)


def pattern(points: torch.Tensor) -> torch.Tensor:
    """A scene at infinity, as a function of normalised image coordinates."""
    x, y = (10 * points).unbind(-1)
    return 0.5 + 0.4 * torch.stack([torch.sin(x), torch.sin(y), torch.sin(x + y)])


def normalized(lens: Camera) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(lens.height) + 0.5, torch.arange(lens.width) + 0.5, indexing="ij")
    return torch.stack([(x - lens.cx) / lens.fx, (y - lens.cy) / lens.fy], -1)


@pytest.mark.parametrize("k", [-0.3, 0.2])
def test_a_distorted_image_is_undistorted(k: float):
    lens = camera(128, 96, 100.0)
    straight = seen = normalized(lens)
    for _ in range(100):  # inverts the distortion by fixed-point iteration
        straight = seen / (1 + k * straight.square().sum(-1, keepdim=True))
    mine = undistorted(pattern(straight), lens, Lens(k1=k), pinhole(lens, Lens(k1=k)))
    truth = pattern(normalized(pinhole(lens, Lens(k1=k))))
    assert (mine - truth)[:, 2:-2, 2:-2].abs().max() < 0.02
    assert (pattern(straight) - truth).abs().max() > 0.1


def found(folder: Path, distortion: float) -> motion.Reconstruction:
    views = []
    for number in range(3):
        path = folder / f"{number}.png"
        images.write(path, ImageFile(torch.rand(3, 48, 64), torch.rand(1, 48, 64) if number else None))
        views.append(View(path.stem, path, camera()))
    return motion.Reconstruction(views, Lens(k1=distortion), [], 1.0, 5.0, 0.3, "exhaustive")


def test_the_transforms_file_names_undistorted_images_where_distortion_is_visible(tmp_path: Path):
    lens = found(tmp_path, -0.2)
    motion.write(tmp_path, lens)
    placed, remarks = blender.read_frames(tmp_path / "transforms.json")
    assert not remarks
    assert [view.path.parent.name for view in placed] == ["undistorted"] * 3
    assert placed[0].camera.fx == pytest.approx(pinhole(camera(), Lens(k1=-0.2)).fx)
    image = images.read(placed[1].path)
    assert image.alpha is not None and image.pixels.shape == (3, 48, 64)
    motion.write(tmp_path, replace(lens, lens=Lens(k1=1e-4)))
    placed, _ = blender.read_frames(tmp_path / "transforms.json")
    assert [view.path.parent for view in placed] == [tmp_path] * 3


def test_tangential_terms_and_fisheyes_are_colmaps():
    pycolmap = pytest.importorskip("pycolmap")
    points = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1.6 - 0.8
    rays = np.concatenate([points.numpy(), np.ones((50, 1))], 1)
    lenses = {
        "OPENCV": Lens(k1=-0.2, k2=0.05, p1=0.01, p2=-0.02),
        "OPENCV_FISHEYE": Lens(k1=0.1, k2=-0.03, k3=0.01, k4=-0.002, fisheye=True),
    }
    for model, lens in lenses.items():
        names = ("k1", "k2", "p1", "p2") if model == "OPENCV" else ("k1", "k2", "k3", "k4")
        given = [60.0, 70.0, 32.0, 24.0, *(getattr(lens, name) for name in names)]
        theirs = pycolmap.Camera(model=model, width=64, height=48, params=given).img_from_cam(rays)
        mine = distorted(points, lens) * torch.tensor([60.0, 70.0]) + torch.tensor([32.0, 24.0])
        torch.testing.assert_close(mine, torch.from_numpy(theirs))


def test_an_equidistant_fisheye_maps_angles_to_radii():
    """r = theta, whose inverse is tan: a photograph of 150 degrees across, undistorted to the widest pinhole that is allowed."""
    angle = torch.tensor([0.1, 0.7, 1.3], dtype=torch.float64)
    points = torch.stack([angle.tan(), torch.zeros(3)], 1)
    torch.testing.assert_close(distorted(points, Lens(fisheye=True))[:, 0], angle)
    lens = camera(160, 120, 61.0)
    seen = normalized(lens)
    radius = seen.norm(dim=-1, keepdim=True)
    photograph = pattern(seen * radius.clamp(max=1.5).tan() / radius)
    target = pinhole(lens, Lens(fisheye=True))
    assert 80 / target.fx == pytest.approx(WIDEST, rel=1e-3)
    mine = undistorted(photograph, lens, Lens(fisheye=True), target)
    assert (mine - pattern(normalized(target)))[:, 2:-2, 2:-2].abs().mean() < 0.02


def test_a_transforms_file_of_a_lens_is_read_undistorted(tmp_path: Path):
    """Tangential terms and a principal point that is off; the inverse is found by iteration here."""
    lens = replace(camera(128, 96, 100.0), cx=60.0, cy=50.0)
    bent = Lens(k1=-0.2, k2=0.03, p1=0.005, p2=-0.004)
    straight = seen = normalized(lens)
    for _ in range(100):
        straight = straight + seen - distorted(straight, bent)
    images.write(tmp_path / "a.png", ImageFile(pattern(straight).clamp(0, 1)))
    entries = {"fl_x": 100.0, "cx": 60.0, "cy": 50.0, "w": 128, "h": 96, "k1": -0.2, "k2": 0.03, "p1": 0.005, "p2": -0.004}
    frames = [{"file_path": "a.png", "transform_matrix": torch.eye(4).tolist()}]
    (tmp_path / "transforms.json").write_text(json.dumps({**entries, "frames": frames}))
    (view,), (remark,) = blender.read_frames(tmp_path / "transforms.json")
    assert "1 of the 1 photographs" in remark and "undistorted when they are read" in remark
    truth = pattern(normalized(view.camera))
    error = (read_view(view, 0.0) / 255 - truth)[:, 2:-2, 2:-2].abs()
    assert error.max() < 0.03 and (pattern(straight) - truth).abs().max() > 0.1
    (half,), _ = blender.read_frames(tmp_path / "transforms.json", 64)
    assert read_view(half, 0.0).shape == (3, 48, 64) and half.camera.fx == pytest.approx(view.camera.fx / 2)


def test_photographs_are_rotated_upright_and_must_have_one_size(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = (torch.rand(48, 64, 3) * 255).byte().numpy()
    for number in range(3):
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg", exif=exif, quality=95)
    photographs = motion.photographs_of(tmp_path)
    assert images.size(photographs[0]) == (48, 64)
    folder, masks = motion._prepared(photographs, tmp_path / "work")
    assert masks is None
    with Image.open(folder / "000000.jpg") as rotated:
        assert rotated.size == (48, 64)
    Image.fromarray(pixels).save(tmp_path / "0.jpg")
    with pytest.raises(DarkroomError, match="must have the same size"):
        motion.structure_from_motion(photographs)
    Image.fromarray(pixels).save(tmp_path / "0.png")
    with pytest.raises(DarkroomError, match="differ in their extension alone"):
        motion.photographs_of(tmp_path)
