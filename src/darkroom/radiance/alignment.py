"""How far found cameras are from known ones, in worlds of different scale and orientation."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.radiance.scenes import View


@dataclass(frozen=True)
class PoseErrors:
    """How far found cameras are from known ones, after the similarity that brings them together best.

    Args:
        compared: number of cameras.
        centre: mean distance of centres, as a share of the cameras' mean distance from their middle.
        rotation: mean angle between orientations, degrees, after the rotation common to all is taken away.
        common: that common rotation beyond the similarity's, degrees; a principal point that is off shows here.
        focal: found and known focal length in pixels.
        principal: how far the found principal point is from the known one, pixels.
    """

    compared: int
    centre: float
    rotation: float
    common: float
    focal: tuple[float, float]
    principal: tuple[float, float]

    def __str__(self) -> str:
        return (
            f"centres {self.centre:.2%} of the cameras' spread from the known ones, rotations {self.rotation:.2f} degrees "
            f"(common to all: {self.common:.2f}), focal length {self.focal[0]:.1f} for {self.focal[1]:.1f} pixels, "
            f"principal point {self.principal[0]:+.1f}, {self.principal[1]:+.1f} pixels"
        )


def compared(found: Sequence[View], known: Sequence[View]) -> PoseErrors:
    """Compare cameras of the same photographs, by name.

    Raises:
        DarkroomError: fewer than three are in both.
    """
    truth = {view.path.resolve(): view.camera for view in known}
    pairs = [(view.camera, truth[view.path.resolve()]) for view in found if view.path.resolve() in truth]
    if len(pairs) < 3:
        raise DarkroomError(f"{len(pairs)} cameras are both found and known; three are needed to compare")
    mine, theirs = (torch.stack([pair[side].pose.double() for pair in pairs]) for side in (0, 1))
    scale, turn, shift = similarity(mine[:, :, 3], theirs[:, :, 3])
    centres = scale * mine[:, :, 3] @ turn.T + shift
    spread = float((theirs[:, :, 3] - theirs[:, :, 3].mean(0)).norm(dim=1).mean())
    # In each camera's own axes, so that what is common to all is the camera's, not the world's.
    rest = theirs[:, :, :3].transpose(1, 2) @ (turn @ mine[:, :, :3])
    u, _, v = torch.linalg.svd(rest.mean(0))
    common = u @ torch.diag(torch.tensor([1.0, 1.0, float(torch.linalg.det(u @ v))], dtype=torch.float64)) @ v
    one, other = pairs[0]
    across = other.width / one.width
    return PoseErrors(
        len(pairs),
        float((centres - theirs[:, :, 3]).norm(dim=1).mean()) / spread,
        float(_angle(rest @ common.T).mean()),
        float(_angle(common)),
        (one.fx * across, other.fx),
        (one.cx * across - other.cx, one.cy * across - other.cy),
    )


def similarity(
    source: Float[Tensor, "points 3"], target: Float[Tensor, "points 3"]
) -> tuple[float, Float[Tensor, "3 3"], Float[Tensor, "3"]]:
    """Scale, rotation and shift that bring points onto others, `s R x + t`, in the sense of least squares.

    Source: Umeyama 1991.
    """
    a, b = source - source.mean(0), target - target.mean(0)
    u, values, v = torch.linalg.svd(b.T @ a)
    sign = torch.ones(3, dtype=source.dtype)
    sign[2] = torch.linalg.det(u @ v).sign()
    turn = u @ torch.diag(sign) @ v
    scale = float((values * sign).sum() / a.square().sum())
    return scale, turn, target.mean(0) - scale * turn @ source.mean(0)


def _angle(rotations: Float[Tensor, "*n 3 3"]) -> Float[Tensor, "*n"]:
    trace = rotations.diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.rad2deg(torch.arccos(((trace - 1) / 2).clamp(-1, 1)))
