"""The camera model, its coordinate conventions, and the rays of its pixels. Derived with figures in `docs/cameras.md`."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

Convention = Literal["opengl", "opencv", "llff"]
"""Directions of a camera's x, y and z axes: opengl (NeRF, Blender) right, up, back; opencv (COLMAP) right, down, forward;
llff down, right, back."""

_AXES = {
    "opengl": torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "opencv": torch.tensor([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]]),
    "llff": torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
}
"""Columns: the axes of a convention in opengl coordinates."""

PIXEL_CENTRE = 0.5
"""Offset of a pixel's centre from its upper left corner, in pixels; the code of the NeRF papers uses 0."""


class Rays(NamedTuple):
    """Rays `o + t d`, `t >= 0`.

    Args:
        origins: o, `(..., 3)`.
        directions: d, `(..., 3)`, not normalised: for the rays of a camera, t is the depth along its optical axis.
        viewing: unit viewing directions in world coordinates, `(..., 3)`; a warp to normalised device coordinates keeps them.
    """

    origins: Float[Tensor, "*rays 3"]
    directions: Float[Tensor, "*rays 3"]
    viewing: Float[Tensor, "*rays 3"]

    def subset(self, index: slice | Tensor) -> "Rays":
        """The rays at an index."""
        return Rays(*(part[index] for part in self))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with a pose.

    Args:
        width, height: of its images, in pixels.
        fx, fy: focal lengths in pixels.
        cx, cy: principal point, in pixels from the upper left corner of the image.
        pose: camera to world, `(3, 4)`: rotation and centre; opengl axes: x right, y up, looking along -z.

    Example:
        >>> import torch
        >>> camera = Camera(width=4, height=2, fx=2.0, fy=2.0, cx=2.0, cy=1.0, pose=torch.eye(3, 4))
        >>> rays = camera.rays()  # of all pixels, row by row
        >>> rays.directions.shape
        torch.Size([8, 3])
        >>> rays.directions[0].tolist()  # through the centre of the first pixel, (0.5, 0.5)
        [-0.75, 0.25, -1.0]
        >>> camera.with_width(8).fx
        4.0
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    pose: Float[Tensor, "3 4"]

    @property
    def intrinsics(self) -> Float[Tensor, "4"]:
        """fx, fy, cx, cy as a tensor."""
        return torch.tensor([self.fx, self.fy, self.cx, self.cy])

    @property
    def centre(self) -> Float[Tensor, "3"]:
        """Centre of projection in world coordinates."""
        return self.pose[:, 3]

    def resized(self, width: int, height: int) -> "Camera":
        """The camera of the same image at another size."""
        across, down = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * across,
            fy=self.fy * down,
            cx=self.cx * across,
            cy=self.cy * down,
        )

    def with_width(self, width: int) -> "Camera":
        """The camera of the same image at another width, aspect ratio kept."""
        return self.resized(width, max(1, round(self.height * width / self.width)))

    def rays(self, pixel_centre: float = PIXEL_CENTRE) -> Rays:
        """The ray of every pixel, row by row, `(height * width, 3)`."""
        return image_rays(self.intrinsics, self.pose, self.width, self.height, pixel_centre)


def rays_through(
    intrinsics: Float[Tensor, "*#rays 4"],
    poses: Float[Tensor, "*#rays 3 4"],
    x: Float[Tensor, "*#rays"],
    y: Float[Tensor, "*#rays"],
) -> Rays:
    """Rays through image points: `d = R ((x - cx)/fx, -(y - cy)/fy, -1)`, `o` the camera centre.

    Args:
        intrinsics: fx, fy, cx, cy.
        poses: camera to world, opengl axes.
        x, y: pixels from the upper left corner; the centre of the first pixel is (0.5, 0.5).

    Source: Mildenhall et al. 2020; the derivation by similar triangles is in `docs/cameras.md`.
    """
    fx, fy, cx, cy = intrinsics.unbind(-1)
    local = torch.stack(torch.broadcast_tensors((x - cx) / fx, -(y - cy) / fy, -torch.ones_like(x)), -1)
    directions = (poses[..., :3] @ local[..., None])[..., 0]
    origins = poses[..., 3].expand(directions.shape)
    return Rays(origins, directions, torch.nn.functional.normalize(directions, dim=-1))


def image_rays(
    intrinsics: Float[Tensor, "4"], pose: Float[Tensor, "3 4"], width: int, height: int, pixel_centre: float = PIXEL_CENTRE
) -> Rays:
    """The ray of every pixel of an image, row by row."""
    y, x = torch.meshgrid(
        torch.arange(height, device=pose.device) + pixel_centre,
        torch.arange(width, device=pose.device) + pixel_centre,
        indexing="ij",
    )
    return rays_through(intrinsics, pose, x.reshape(-1), y.reshape(-1))


def convert(poses: Float[Tensor, "*n 3 4"], source: Convention, target: Convention = "opengl") -> Float[Tensor, "*n 3 4"]:
    """Camera-to-world poses in another convention of camera axes; centres and world axes stay.

    Example:
        >>> import torch
        >>> convert(torch.eye(3, 4), "opencv").tolist()  # y and z change sign
        [[1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0]]
    """
    rotation = poses[..., :3] @ _AXES[source].T.to(poses) @ _AXES[target].to(poses)
    return torch.cat([rotation, poses[..., 3:]], -1)


def handedness(poses: Float[Tensor, "*n 3 4"]) -> Float[Tensor, "*n"]:
    """Determinant of the rotation: 1, or -1 for left-handed axes."""
    return torch.linalg.det(poses[..., :3])


def looking_at(eye: Float[Tensor, "3"], target: Float[Tensor, "3"], up: Float[Tensor, "3"]) -> Float[Tensor, "3 4"]:
    """Pose of a camera at `eye` with `target` on its optical axis and `up` upwards in its image."""
    back = torch.nn.functional.normalize(eye - target, dim=0)
    right = torch.nn.functional.normalize(torch.linalg.cross(up, back), dim=0)
    return torch.stack([right, torch.linalg.cross(back, right), back, eye], 1)


def to_ndc(rays: Rays, focal: tuple[float, float], width: int, height: int, near: float = 1.0) -> Rays:
    """Rays of a forward-facing scene in normalised device coordinates: from the near plane to infinity, t is in [0, 1].

    With the origin moved to the near plane, `o <- o + t_n d`, `t_n = -(n + o_z)/d_z`,

        o' = (-2 fx/W  o_x/o_z,  -2 fy/H  o_y/o_z,  1 + 2n/o_z)
        d' = (-2 fx/W (d_x/d_z - o_x/o_z),  -2 fy/H (d_y/d_z - o_y/o_z),  -2n/o_z).

    Viewing directions are those before the warp.

    Source: Mildenhall et al. 2020, appendix C.
    """
    o, d = rays.origins, rays.directions
    o = o + (-(near + o[..., 2]) / d[..., 2])[..., None] * d
    ax, ay = -2 * focal[0] / width, -2 * focal[1] / height
    across, down = o[..., 0] / o[..., 2], o[..., 1] / o[..., 2]
    origins = torch.stack([ax * across, ay * down, 1 + 2 * near / o[..., 2]], -1)
    directions = torch.stack(
        [ax * (d[..., 0] / d[..., 2] - across), ay * (d[..., 1] / d[..., 2] - down), -2 * near / o[..., 2]], -1
    )
    return Rays(origins, directions, rays.viewing)


def from_ndc(
    points: Float[Tensor, "*points 3"], focal: tuple[float, float], width: int, height: int, near: float = 1.0
) -> Float[Tensor, "*points 3"]:
    """World coordinates of points in normalised device coordinates, with z' clamped below 1, which is infinity.

    z = 2n / (z' - 1),   (x, y) = -z (W x' / 2 fx, H y' / 2 fy).
    """
    z = 2 * near / (points[..., 2] - 1).clamp(max=-1e-5)
    return torch.stack([-z * points[..., 0] * width / (2 * focal[0]), -z * points[..., 1] * height / (2 * focal[1]), z], -1)
