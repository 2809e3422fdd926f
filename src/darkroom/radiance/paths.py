"""Camera paths for fly-throughs: around the scene, or a spiral in front of it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.radiance.cameras import Camera, looking_at
from darkroom.radiance.space import Space


def flight(space: Space, frames: int) -> list[Camera]:
    """An orbit around the scene, or a spiral where all training cameras are on one side; with their intrinsics."""
    poses = orbit(space, frames) if is_surrounded(space) else spiral(space, frames)
    return [space.camera(pose) for pose in poses]


def is_surrounded(space: Space) -> bool:
    """Whether training cameras are on all sides of the centre: no angle between neighbours around it reaches 180 degrees."""
    if space.forward_facing or len(space.poses) < 3:
        return False
    poses = space.poses.cpu()
    away, up = poses[:, :, 3] - space.centre.cpu(), up_of(poses)
    first = torch.nn.functional.normalize(torch.linalg.cross(up, poses[0, :, 2]), dim=0)
    angles = torch.atan2(away @ torch.linalg.cross(up, first), away @ first).sort().values
    gaps = torch.cat([angles, angles[:1] + 2 * math.pi]).diff()
    return bool(gaps.max() < math.pi)


def up_of(poses: Float[Tensor, "views 3 4"]) -> Float[Tensor, "3"]:
    """The up direction of a set of cameras: perpendicular to their x axes, which are horizontal for a level camera.

    Where x axes hardly differ, as in forward-facing scenes, it is the mean of the y axes.
    """
    mean = torch.nn.functional.normalize(poses[:, :, 1].sum(0), dim=0)
    _, values, axes = torch.linalg.svd(poses[:, :, 0], full_matrices=True)
    if len(poses) < 3 or values[1] < 0.2 * values[0]:
        return mean
    return axes[2] * (axes[2] @ mean).sign()


def orbit(space: Space, frames: int) -> Float[Tensor, "frames 3 4"]:
    """Poses on a circle around the centre and looking at it, at the cameras' mean distance and height."""
    poses = space.poses.cpu()
    centre, up = space.centre.cpu(), up_of(poses)
    away = poses[:, :, 3] - centre
    height = (away @ up).mean()
    radius = (away - (away @ up)[:, None] * up).norm(dim=1).mean()
    first = torch.linalg.cross(up, poses[0, :, 2])
    ahead = torch.nn.functional.normalize(torch.linalg.cross(first, up), dim=0)
    aside = torch.linalg.cross(up, ahead)
    angles = torch.arange(frames) * 2 * math.pi / frames
    return torch.stack(
        [looking_at(centre + height * up + radius * (a.cos() * ahead + a.sin() * aside), centre, up) for a in angles]
    )


def spiral(space: Space, frames: int, turns: int = 2) -> Float[Tensor, "frames 3 4"]:
    """Poses on a spiral as wide as the 80 % quantile of the camera positions, looking at a point beyond the near plane.

    Source: the supplementary video of Mildenhall et al. 2019.
    """
    poses = space.poses.cpu()
    middle, up = poses[:, :, 3].mean(0), up_of(poses)
    back = torch.nn.functional.normalize(poses[:, :, 2].sum(0), dim=0)
    right = torch.nn.functional.normalize(torch.linalg.cross(up, back), dim=0)
    axes = torch.stack([right, torch.linalg.cross(back, right), back])
    radii = torch.quantile(((poses[:, :, 3] - middle) @ axes.T).abs(), 0.8, dim=0)
    near, far = space.depths.clamp(min=1e-6).tolist()
    target = middle - back * (1 / (0.25 / near + 0.75 / far))
    angles = torch.arange(frames) * 2 * math.pi * turns / frames
    offsets = torch.stack([angles.cos(), -angles.sin(), -(angles / 2).sin()], 1) * radii @ axes
    return torch.stack([looking_at(middle + offset, target, up) for offset in offsets])
