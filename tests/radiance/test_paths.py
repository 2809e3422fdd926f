"""Camera paths: around the centre, and in front of scenes photographed from one side."""

import math

import hypothesis.strategies as st
import torch
from hypothesis import given

from darkroom.radiance import blender, tabletop
from darkroom.radiance.cameras import looking_at
from darkroom.radiance.paths import flight, is_surrounded, spiral, up_of
from darkroom.radiance.space import Space, focus


def space_of(poses: torch.Tensor) -> Space:
    space = Space()
    space.poses, space.centre, space.depths = poses, focus(poses), torch.tensor([1.0, 8.0])
    return space


def arc(angle: float, count: int = 9) -> torch.Tensor:
    """Cameras at a distance of 4 from the origin, a little above it, over an angle in radians."""
    angles = torch.linspace(-angle / 2, angle / 2, count)
    eyes = torch.stack([4 * angles.cos(), 4 * angles.sin(), 0.5 + 0.2 * (3 * angles).sin()], 1)
    return torch.stack([looking_at(eye, torch.zeros(3), torch.tensor([0.0, 0, 1])) for eye in eyes])


def test_a_flight_orbits_the_centre_at_the_cameras_height(tmp_path):
    tabletop.write(tmp_path / "s", views=8, size=16, held_out=1)
    scene, space = blender.scene(tmp_path / "s"), Space()
    space.fill(scene)
    torch.testing.assert_close(up_of(space.poses), torch.tensor([0.0, 0, 1]), atol=1e-4, rtol=0)
    torch.testing.assert_close(space.centre, torch.tensor([0.0, 0, -0.15]), atol=1e-3, rtol=0)
    poses = torch.stack([camera.pose for camera in flight(space, 12)])
    torch.testing.assert_close(poses[:, 2, 3], poses[0, 2, 3].expand(12), atol=1e-4, rtol=0)
    ahead = torch.nn.functional.normalize(space.centre - poses[:, :, 3], dim=1)
    torch.testing.assert_close(-poses[:, :, 2], ahead, atol=1e-4, rtol=0)


@given(st.floats(0.2, 2 * math.pi - 0.1))
def test_cameras_surround_the_centre_if_no_gap_reaches_half_a_turn(angle: float):
    largest = max(2 * math.pi - angle, angle / 8)
    if abs(largest - math.pi) > 0.05:
        assert is_surrounded(space_of(arc(angle))) == (largest < math.pi)


def test_a_scene_photographed_from_one_side_is_viewed_from_there():
    poses = torch.stack([camera.pose for camera in flight(space_of(arc(1.0)), 24)])
    middle = arc(1.0)[:, :, 3].mean(0)
    assert (poses[:, :, 3] - middle).norm(dim=1).max() < 4 * math.sin(0.5)
    assert (poses[:, 0, 2] > 0.8).all()  # they look along -x, as the training cameras do


@given(st.integers(0, 99))
def test_a_spiral_rotates_with_the_world(seed: int):
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)))[0]
    rotation = rotation * torch.linalg.det(rotation)
    poses = arc(0.8)
    one, other = spiral(space_of(poses), 7), spiral(space_of(rotation @ poses), 7)
    torch.testing.assert_close(rotation @ one, other, atol=1e-4, rtol=1e-4)
