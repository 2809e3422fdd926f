"""Similarity transforms in closed form, and the parts of pose errors."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from darkroom.radiance import tabletop
from darkroom.radiance.alignment import compare_poses, similarity
from darkroom.radiance.scenes import View


@given(st.integers(0, 999), st.floats(0.1, 9.0))
def test_a_similarity_is_recovered(seed: int, scale: float):
    random = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=random, dtype=torch.float64))[0]
    rotation = rotation * torch.linalg.det(rotation)
    shift = torch.randn(3, generator=random, dtype=torch.float64)
    points = torch.randn(7, 3, generator=random, dtype=torch.float64)
    s, r, t = similarity(points, scale * points @ rotation.T + shift)
    assert s == pytest.approx(scale)
    torch.testing.assert_close(r, rotation)
    torch.testing.assert_close(t, shift)


def test_errors_are_separated(tmp_path):
    """The same cameras in other world coordinates; then each rotated by 2 degrees about its own axis."""
    cameras = tabletop.cameras(6, 32)
    known = [View(str(n), tmp_path / f"{n}.png", camera) for n, camera in enumerate(cameras)]
    world, angle = tabletop.cameras(1, 8)[0].pose[:, :3], torch.deg2rad(torch.tensor(2.0))
    roll = torch.tensor([[angle.cos(), -angle.sin(), 0], [angle.sin(), angle.cos(), 0], [0, 0, 1.0]])

    def transformed(camera, own):
        rotation = world @ camera.pose[:, :3] @ own
        return replace(camera, pose=torch.cat([rotation, 3 * (world @ camera.pose[:, 3:]) + 1], 1), fx=camera.fx * 1.1)

    for own, common in ((torch.eye(3), 0.0), (roll, 2.0)):
        found = [View(view.name, view.path, transformed(view.camera, own)) for view in known]
        errors = compare_poses(found, known)
        assert errors.compared == 6
        assert errors.centre == pytest.approx(0, abs=1e-5)
        assert errors.rotation == pytest.approx(0, abs=0.05)
        assert errors.common_rotation == pytest.approx(common, abs=0.05)
        assert errors.focal[0] / errors.focal[1] == pytest.approx(1.1)
