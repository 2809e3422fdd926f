"""COLMAP's models against pycolmap's writer, and damaged ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.radiance import colmap, named, tabletop
from darkroom.radiance.cameras import convert
from darkroom.radiance.lens import pinhole

pycolmap = pytest.importorskip("pycolmap")


def model(folder: Path, ending: str, kind: str = "OPENCV", given: tuple = (30, 31, 15, 12, -0.1, 0.01, 0.002, -0.001)) -> Path:
    """Ten photographs of a table by two cameras of different sizes, written by pycolmap."""
    found = pycolmap.Reconstruction()
    found.add_camera_with_trivial_rig(pycolmap.Camera(model=kind, width=32, height=24, params=list(given), camera_id=1))
    found.add_camera_with_trivial_rig(
        pycolmap.Camera(model="PINHOLE", width=20, height=20, params=[25, 25, 10, 10], camera_id=2)
    )
    for number, camera in enumerate(tabletop.cameras(10, 8), 1):
        pose = convert(camera.pose.double(), "opengl", "opencv").numpy()
        world = pycolmap.Rigid3d(pycolmap.Rotation3d(pose[:, :3].T), -pose[:, :3].T @ pose[:, 3])
        image = pycolmap.Image(name=f"a b {number:02}.png", camera_id=1 + number % 2, image_id=number)
        image.points2D = pycolmap.Point2DList([pycolmap.Point2D(np.array([3.0, 4.0]))] * (number % 3))
        found.add_image_with_trivial_frame(image, world)
        (folder / "images").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", [(32, 24), (20, 20)][number % 2]).save(folder / "images" / image.name)
    for point in np.random.default_rng(0).normal(size=(200, 3)) / 3:
        found.add_point3D(point, pycolmap.Track(), np.zeros(3, np.uint8))
    place = folder / "sparse" / "0"
    place.mkdir(parents=True, exist_ok=True)
    (found.write_binary if ending == ".bin" else found.write_text)(place)
    return place


@pytest.mark.parametrize("ending", [".bin", ".txt"])
def test_a_model_is_read_as_pycolmap_wrote_it(ending: str, tmp_path: Path):
    model(tmp_path, ending)
    scene = named.scene(str(tmp_path))
    assert {split: len(views) for split, views in scene.views.items()} == {"train": 8, "test": 2}
    assert (scene.views["test"][0].name, scene.far) == ("a b 01", pytest.approx(6))
    for number, camera in enumerate(tabletop.cameras(10, 8), 1):
        view = scene.by_name[f"a b {number:02}"]
        torch.testing.assert_close(view.camera.pose, scene.frame.of(camera).pose, atol=1e-5, rtol=0)
        if number % 2 == 0:
            assert (view.camera.width, view.camera.fx, view.taken_by) == (32, pytest.approx(view.camera.fx), view.taken_by)
            assert view.taken_by is not None and view.taken_by.lens.p2 == -0.001
            assert view.camera.fx == pytest.approx(pinhole(view.taken_by.camera, view.taken_by.lens).fx)
        else:
            assert (view.camera.width, view.camera.fx, view.camera.cy, view.taken_by) == (20, 25.0, 10.0, None)
    (remark,) = [line for line in scene.remarks if "assumed" in line]
    assert "from the reconstructed points" in remark


def test_what_is_damaged_or_not_supported_is_one_line(tmp_path: Path):
    place = model(tmp_path, ".bin")
    content = (place / "images.bin").read_bytes()
    for cut in (5, 40, 100, len(content) - 9):
        (place / "images.bin").write_bytes(content[:cut])
        with pytest.raises(DarkroomError, match="is damaged"):
            colmap.scene(tmp_path)
    (place / "images.bin").write_bytes(content)
    (place / "points3D.bin").unlink()
    with pytest.raises(DarkroomError, match=r"no file at .*points3D.bin"):
        colmap.scene(tmp_path)
    other = tmp_path / "other"
    model(other, ".bin", "FOV", (30, 31, 15, 12, 0.5))
    with pytest.raises(DarkroomError, match="camera model FOV is not supported; read are SIMPLE_PINHOLE"):
        colmap.scene(other)
    (other / "sparse" / "0" / "cameras.bin").unlink()
    with pytest.raises(DarkroomError, match="is it a scene"):
        named.scene(str(other))
