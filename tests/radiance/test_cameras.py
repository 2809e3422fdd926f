"""Rays computed by hand, conventions, and the warp to normalised device coordinates."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from darkroom.radiance.cameras import Camera, Rays, convert, from_ndc, handedness, looking_at, to_ndc
from darkroom.radiance.space import focus

ORIGIN = torch.eye(3, 4)


def camera(pose: torch.Tensor = ORIGIN, **changes) -> Camera:
    return Camera(**{**dict(width=4, height=2, fx=2.0, fy=2.0, cx=2.0, cy=1.0, pose=pose), **changes})


def test_rays_of_a_camera_at_the_origin_by_hand():
    rays = camera().rays()
    # Pixel (0, 0): its centre is (0.5, 0.5), so x = (0.5 - 2)/2, y = -(0.5 - 1)/2, and z = -1.
    torch.testing.assert_close(rays.directions[0], torch.tensor([-0.75, 0.25, -1.0]))
    torch.testing.assert_close(rays.directions[7], torch.tensor([0.75, -0.25, -1.0]))
    assert torch.equal(rays.origins, torch.zeros(8, 3))
    torch.testing.assert_close(rays.viewing.norm(dim=1), torch.ones(8))


def test_integer_pixels_are_the_papers_code():
    """As `get_rays` of the paper's code prints for H=2, W=4, focal=2: (i - W/2)/f, -(j - H/2)/f, -1."""
    rays = camera().rays(pixel_centre=0.0)
    torch.testing.assert_close(rays.directions[0], torch.tensor([-1.0, 0.5, -1.0]))
    torch.testing.assert_close(rays.directions[6], torch.tensor([0.0, 0.0, -1.0]))


def test_rays_of_a_rotated_camera_by_hand():
    """At (5, 0, 0), looking at the origin, up is z: the middle ray runs along -x, to the right is +y."""
    pose = looking_at(torch.tensor([5.0, 0, 0]), torch.zeros(3), torch.tensor([0.0, 0, 1]))
    one = camera(pose, width=3, height=3, cx=1.5, cy=1.5)
    rays = one.rays()
    torch.testing.assert_close(rays.directions[4], torch.tensor([-1.0, 0, 0]))
    torch.testing.assert_close(rays.directions[5], torch.tensor([-1.0, 0.5, 0]))
    torch.testing.assert_close(rays.directions[1], torch.tensor([-1.0, 0, 0.5]))
    torch.testing.assert_close(rays.origins[0], torch.tensor([5.0, 0, 0]))


def test_opencv_to_opengl_negates_the_second_and_the_third_column():
    pose = torch.randn(5, 3, 4)
    expected = pose * torch.tensor([1.0, -1, -1, 1])
    torch.testing.assert_close(convert(pose, "opencv"), expected)


def test_llff_is_down_right_back():
    """The reordering of the LLFF loaders: [column 1, -column 0, column 2]."""
    pose = torch.randn(5, 3, 4)
    expected = torch.stack([pose[..., 1], -pose[..., 0], pose[..., 2], pose[..., 3]], -1)
    torch.testing.assert_close(convert(pose, "llff"), expected)


@given(st.sampled_from(["opengl", "opencv", "llff"]), st.sampled_from(["opengl", "opencv", "llff"]), st.integers(0, 99))
def test_conversions_are_inverted_and_keep_handedness(one: str, other: str, seed: int):
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)))[0]
    pose = torch.cat([rotation * torch.linalg.det(rotation), torch.ones(3, 1)], 1)
    found = convert(pose, one, other)
    torch.testing.assert_close(convert(found, other, one), pose)
    torch.testing.assert_close(handedness(found), torch.tensor(1.0))
    assert handedness(pose * torch.tensor([1.0, 1, -1, 1])) < 0


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.01, 0.99))
def test_a_point_on_a_warped_ray_is_the_warped_point(x: float, y: float, t: float):
    """t' = 1 - z_near/z: depth 1/(1 - t) on the ray is t on the warped one (appendix C)."""
    rays = Rays(torch.tensor([[0.1, -0.2, 0.0]]), torch.tensor([[x, y, -1.0]]), torch.tensor([[0.0, 0.0, -1.0]]))
    warped = to_ndc(rays, (3.0, 3.0), 8, 6)
    depth = 1 / (1 - t)
    point = rays.origins[0] + depth * rays.directions[0]
    expected = torch.tensor(
        [-3.0 / 4 * point[0] / point[2], -3.0 / 3 * point[1] / point[2], 1 + 2 / point[2]], dtype=torch.float32
    )
    torch.testing.assert_close((warped.origins + t * warped.directions)[0], expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(warped.viewing, rays.viewing)
    torch.testing.assert_close(from_ndc(expected, (3.0, 3.0), 8, 6), point, atol=1e-3, rtol=1e-3)


def test_a_resized_camera_sees_the_same():
    small = camera().resized(8, 4)
    assert (small.fx, small.cx, small.cy) == (4.0, 4.0, 2.0)
    corners = [c.rays().directions for c in (camera(), small)]
    torch.testing.assert_close(corners[0].mean(0), corners[1].mean(0))


def test_the_focus_is_the_point_that_all_cameras_look_at():
    target = torch.tensor([0.3, -0.2, 0.5])
    eyes = [torch.tensor([4 * math.cos(a), 4 * math.sin(a), 1.0]) for a in (0.0, 1.0, 2.5)]
    poses = torch.stack([looking_at(eye, target, torch.tensor([0.0, 0, 1])) for eye in eyes])
    torch.testing.assert_close(focus(poses), target, atol=1e-3, rtol=0)
    assert pytest.approx(1.0, abs=1e-5) == float(handedness(poses).min())
