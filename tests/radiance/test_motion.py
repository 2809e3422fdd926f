"""Structure from motion: similarity in closed form, and COLMAP on photographs whose cameras are known."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from darkroom.core.errors import DarkroomError
from darkroom.core.images import Picture, write
from darkroom.radiance import blender, motion, tabletop
from darkroom.radiance.scenes import View


@given(st.integers(0, 999), st.floats(0.1, 9.0))
def test_a_similarity_is_found_again(seed: int, scale: float):
    random = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=random, dtype=torch.float64))[0]
    turn = turn * torch.linalg.det(turn)
    shift = torch.randn(3, generator=random, dtype=torch.float64)
    points = torch.randn(7, 3, generator=random, dtype=torch.float64)
    s, r, t = motion.similarity(points, scale * points @ turn.T + shift)
    assert s == pytest.approx(scale)
    torch.testing.assert_close(r, turn)
    torch.testing.assert_close(t, shift)


def test_errors_are_taken_apart(tmp_path):
    """The same cameras in another world; then each turned by 2 degrees about its own axis, which is common to all."""
    cameras = tabletop.cameras(6, 32)
    known = [View(str(n), tmp_path / f"{n}.png", camera) for n, camera in enumerate(cameras)]
    turn, angle = tabletop.cameras(1, 8)[0].pose[:, :3], torch.deg2rad(torch.tensor(2.0))
    roll = torch.tensor([[angle.cos(), -angle.sin(), 0], [angle.sin(), angle.cos(), 0], [0, 0, 1.0]])

    def elsewhere(camera, own):
        from dataclasses import replace

        rotation = turn @ camera.pose[:, :3] @ own
        return replace(camera, pose=torch.cat([rotation, 3 * (turn @ camera.pose[:, 3:]) + 1], 1), fx=camera.fx * 1.1)

    for own, common in ((torch.eye(3), 0.0), (roll, 2.0)):
        found = [View(view.name, view.path, elsewhere(view.camera, own)) for view in known]
        errors = motion.compared(found, known)
        assert errors.compared == 6
        assert errors.centre == pytest.approx(0, abs=1e-5)
        assert errors.rotation == pytest.approx(0, abs=0.05)
        assert errors.common == pytest.approx(common, abs=0.05)
        assert errors.focal[0] / errors.focal[1] == pytest.approx(1.1)


def test_colmap_finds_the_cameras_of_a_walk_around_the_table(tmp_path):
    """Within tolerances: results vary a little from run to run."""
    pytest.importorskip("pycolmap")
    folder = tmp_path / "walk"
    tabletop.write(folder, views=24, size=200, held_out=1)
    found = motion.structure_from_motion(motion.photographs_of(folder))
    assert len(found.views) >= 18
    errors = motion.compared(found.views, blender.scene(folder).views["train"])
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


def test_photographs_that_do_not_belong_together_are_one_line(tmp_path):
    pytest.importorskip("pycolmap")
    for number in range(3):
        write(tmp_path / f"{number}.png", Picture(torch.full((3, 64, 64), number / 3)))
    with pytest.raises(DarkroomError, match="none of the 3 photographs could be brought together"):
        motion.structure_from_motion(motion.photographs_of(tmp_path))
    (tmp_path / "2.png").write_bytes(b"rubbish")
    with pytest.raises(DarkroomError, match="2.png"):
        motion.structure_from_motion(motion.photographs_of(tmp_path))
    (tmp_path / "2.png").unlink()
    with pytest.raises(DarkroomError, match="2 photographs in"):
        motion.photographs_of(tmp_path)
