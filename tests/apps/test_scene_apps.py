"""Rendered views and videos through the command line, and the viewer."""

import subprocess
import sys
import urllib.request
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.cli.apply import command as apply
from darkroom.core.errors import DarkroomError
from darkroom.radiance import tabletop
from darkroom.recipes import trained

SMALL = [
    "--voxels",
    "16",
    "--coarse-voxels",
    "16",
    "--coarse-steps",
    "20",
    "--steps",
    "40",
    "--batch-size",
    "256",
    "--width",
    "8",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A scene after a few steps."""
    out = tmp_path_factory.mktemp("out")
    tabletop.write(out / "table", views=8, size=24, held_out=2)
    words = ["train", "dvgo", "laptop", "--scene", str(out / "table"), "--out", str(out), "--precision", "32", *SMALL]
    command = [sys.executable, "-m", "darkroom", *words, "--accelerator", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return out / "dvgo" / "laptop"


def test_cameras_of_a_file_are_rendered_without_images(run: Path, tmp_path: Path):
    cameras = tmp_path / "cameras.json"
    cameras.write_text((run.parents[1] / "table" / "transforms_test.json").read_text())
    apply([str(cameras), "-o", str(tmp_path / "views"), "--weights", str(run), "--accelerator", "cpu"])
    for path in (tmp_path / "views" / "r_000.png", tmp_path / "views" / "depth" / "r_001.png"):
        assert Image.open(path).size == (24, 24)
    method, step = trained.scene(run)
    assert step == 40
    camera = tabletop.cameras(2, 24, turns=-1.0, begin=2.0)[0]
    shown = torch.from_numpy(np.asarray(Image.open(tmp_path / "views" / "r_000.png")).copy()).permute(2, 0, 1) / 255
    torch.testing.assert_close(shown, method.view(camera)[0].clamp(0, 1), atol=0.01, rtol=0)


def test_a_flight_is_a_video(run: Path, tmp_path: Path):
    video = tmp_path / "flight.mp4"
    apply(["flight", "-o", str(video), "--weights", str(run), "--frames", "5", "--width", "33", "--accelerator", "cpu"])
    from imageio_ffmpeg import count_frames_and_secs, read_frames

    for path in (video, tmp_path / "flight_depth.mp4"):
        assert count_frames_and_secs(str(path))[0] == 5
        assert next(read_frames(str(path)))["size"] == (32, 32)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.json", "-o", "x"], "no file at nowhere.json"),
        (["flight", "-o", "x.avi"], "ends with .mp4"),
        (["flight", "-o", "x.mp4", "--frames", "1"], "--frames 1: must be at least 2"),
    ],
)
def test_what_cannot_be_rendered_is_one_line(run: Path, words: list[str], message: str):
    with pytest.raises(DarkroomError, match=message):
        apply([*words, "--weights", str(run)])


def test_a_scene_is_not_a_restoration_network_and_an_empty_folder_not_a_scene(run: Path, tmp_path: Path):
    with pytest.raises(DarkroomError, match="holds a scene, not a network that restores images"):
        trained.network(run)
    with pytest.raises(DarkroomError):
        trained.scene(tmp_path)


def test_the_viewer_serves_a_page_and_renders_the_camera_of_a_page(run: Path):
    viewers = pytest.importorskip("darkroom.apps.viewer")
    viewer = viewers.Viewer(run, torch.device("cpu"), host="127.0.0.1", port=18080)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{viewer.port}", timeout=20) as page:
            assert b"<html" in page.read(2000).lower()
        camera = tabletop.cameras(1, 24)[0]
        viewed = viewers.camera_of(viewers._quaternion(camera), camera.centre.numpy(), tabletop.ANGLE, 1.0, 24)
        torch.testing.assert_close(viewed.pose, camera.pose, atol=1e-5, rtol=0)
        assert viewed.fx == pytest.approx(camera.fx, rel=1e-4)
        assert viewer.image(viewed).shape == (24, 24, 3)
        assert len(viewer._frusta) == 10
        client = SimpleNamespace(camera=SimpleNamespace(), atomic=nullcontext)
        viewer._place(client, camera)
        ahead = client.camera.look_at - client.camera.position
        np.testing.assert_allclose(ahead / np.linalg.norm(ahead), -camera.pose[:, 2].numpy(), atol=1e-5)
        assert np.linalg.norm(ahead) == pytest.approx(tabletop.DISTANCE, abs=0.2)  # orbits around the scene's centre
        assert not viewer.refresh()
        last = run / "checkpoints" / "last.ckpt"
        last.touch()
        assert viewer.refresh()
        last.write_bytes(b"incomplete")
        assert not viewer.refresh()
    finally:
        viewer.close()


def test_renderings_are_as_wide_as_time_allows():
    viewers = pytest.importorskip("darkroom.apps.viewer")
    assert viewers.width_for(0.1, 1e-5, 1.0, 1000) <= 100
    assert viewers.width_for(3.0, 1e-5, 1.0, 1000) > 400
    assert viewers.width_for(3.0, 1e-9, 1.0, 640) == 640
    assert viewers.width_for(0.1, 1.0, 1.0, 640) == viewers.MIN_WIDTH
