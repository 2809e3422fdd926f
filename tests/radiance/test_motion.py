"""COLMAP on images whose cameras are known, and on images that do not overlap."""

from functools import partial

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import ImageFile, write
from darkroom.radiance import blender, motion, tabletop
from darkroom.radiance.alignment import compare_poses


def test_colmap_finds_the_cameras_around_the_table(tmp_path, monkeypatch):
    """Within tolerances: results vary a little from run to run. One ray a pixel saves most of the time. Names may have spaces."""
    pytest.importorskip("pycolmap")
    folder = tmp_path / "scene"
    monkeypatch.setattr(tabletop, "photograph", partial(tabletop.photograph, samples=1))
    tabletop.write(folder, views=24, size=200, held_out=1)
    described = folder / "transforms_train.json"
    described.write_text(described.read_text().replace("train/r_", "train/r "))
    for path in (folder / "train").iterdir():
        path.rename(path.with_name(path.name.replace("r_", "r ")))
    told: list[tuple[str, int, int]] = []
    found = motion.structure_from_motion(motion.photographs_of(folder), progress=lambda *how_far: told.append(how_far))
    assert ("pairs matched", 276, 276) in told and max(done for title, done, _ in told if "placed" in title) >= 15
    assert len(found.views) >= 15
    errors = compare_poses(found.views, blender.scene(folder).views["train"])
    assert errors.centre < 0.03
    assert errors.rotation < 1.5
    assert errors.focal[0] == pytest.approx(errors.focal[1], rel=0.06)
    motion.write(folder, found)
    for name in ("train", "val", "test"):
        (folder / f"transforms_{name}.json").unlink()
    scene = blender.scene(folder)
    assert len(scene.cameras) == len(found.views)
    distances = torch.stack([camera.centre for camera in scene.cameras.values()]).norm(dim=1)
    assert scene.near < float(distances.mean()) < scene.far


def test_photographs_that_cannot_be_registered_are_one_line(tmp_path):
    pytest.importorskip("pycolmap")
    for number in range(3):
        write(tmp_path / f"{number}.png", ImageFile(torch.full((3, 64, 64), number / 3)))
    with pytest.raises(DarkroomError, match="none of the 3 photographs could be registered"):
        motion.structure_from_motion(motion.photographs_of(tmp_path))
    (tmp_path / "2.png").write_bytes(b"rubbish")
    with pytest.raises(DarkroomError, match="2.png"):
        motion.structure_from_motion(motion.photographs_of(tmp_path))
    (tmp_path / "2.png").unlink()
    with pytest.raises(DarkroomError, match="2 photographs in"):
        motion.photographs_of(tmp_path)
