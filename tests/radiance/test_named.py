"""Poses that are kept in the cache are estimated again where their file is damaged or of another layout."""

from pathlib import Path

from PIL import Image

from darkroom.radiance import blender, tabletop
from darkroom.radiance.named import _readable
from darkroom.radiance.scenes import View


def test_cached_poses_are_read_only_whole(tmp_path: Path):
    file = tmp_path / "poses.json"
    assert not _readable(file)
    views = [View(str(number), tmp_path / f"{number}.png", camera) for number, camera in enumerate(tabletop.cameras(2, 8))]
    for view in views:
        Image.new("RGB", (8, 8)).save(view.path)
    blender.write(file, views, [str(view.path) for view in views], near=1.0, far=5.0)
    assert _readable(file)
    text = file.read_text()
    for number, damaged in enumerate(
        (text[:-9], '{"cameras": []}', text.replace("camera_angle_x", "angle").replace("fl_x", "f"))
    ):
        broken = tmp_path / f"{number}.json"
        broken.write_text(damaged)
        assert not _readable(broken)
