"""The space that a scene's cameras see, kept with the weights, so that views can be rendered without the photographs."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.radiance.cameras import PIXEL_CENTRE, Camera, Rays, rays_of_picture, to_ndc
from darkroom.radiance.scenes import Scene


class Space(nn.Module):
    """Depths between which there is something, and whether rays are warped; numbers that travel with the weights.

    Args:
        pixel_centre: 0.5, or 0 for the convention of the NeRF papers' code.
    """

    def __init__(self, pixel_centre: float = PIXEL_CENTRE) -> None:
        super().__init__()
        self.pixel_centre = pixel_centre
        self.register_buffer("depths", torch.tensor([2.0, 6.0]))
        self.register_buffer("forward_facing", torch.tensor(False))
        self.register_buffer("centre", torch.zeros(3))
        self.depths: Tensor
        self.forward_facing: Tensor
        self.centre: Tensor

    def fill(self, scene: Scene) -> None:
        """Take what a scene says: depths, warp, and the point nearest to all optical axes."""
        self.depths = torch.tensor([scene.near, scene.far]).to(self.depths)
        self.forward_facing = torch.tensor(scene.forward_facing).to(self.forward_facing)
        self.centre = focus(torch.stack([camera.pose for camera in scene.cameras.values()])).to(self.centre)

    @property
    def near(self) -> float:
        """Least t along rays."""
        return 0.0 if self.forward_facing else float(self.depths[0])

    @property
    def far(self) -> float:
        """Greatest t along rays."""
        return 1.0 if self.forward_facing else float(self.depths[1])

    def rays(self, intrinsics: Float[Tensor, "4"], pose: Float[Tensor, "3 4"], width: int, height: int) -> Rays:
        """The ray of every pixel, warped where the scene asks for it."""
        rays = rays_of_picture(intrinsics, pose, width, height, self.pixel_centre)
        fx, fy = intrinsics[:2].tolist()
        return to_ndc(rays, (fx, fy), width, height) if self.forward_facing else rays

    def corners(self, cameras: list[Camera]) -> tuple[Tensor, Tensor]:
        """The box around all that cameras see between near and far."""
        ends = []
        for camera in cameras:
            rays = self.rays(camera.intrinsics, camera.pose, camera.width, camera.height)
            ends += [rays.origins + t * rays.directions for t in (self.near, self.far)]
        reached = torch.cat(ends)
        return reached.amin(0), reached.amax(0)


def focus(poses: Float[Tensor, "views 3 4"]) -> Float[Tensor, "3"]:
    """The point that is nearest to all optical axes, in the sense of least squares (a little pulled to the cameras' mean)."""
    axes, centres = poses[:, :, 2].double(), poses[:, :, 3].double()
    across = torch.eye(3, dtype=torch.float64) - axes[:, :, None] * axes[:, None, :]
    system = across.sum(0) + 1e-6 * len(poses) * torch.eye(3, dtype=torch.float64)
    right = (across @ centres[:, :, None]).sum(0)[:, 0] + 1e-6 * len(poses) * centres.mean(0)
    return torch.linalg.solve(system, right).to(poses.dtype)
