"""The space that a scene's cameras see, kept with the weights, so that views can be rendered without the photographs."""

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.layers.growth import Growing
from darkroom.radiance.cameras import PIXEL_CENTRE, Camera, Rays, from_ndc, rays_of_image, to_ndc
from darkroom.radiance.scenes import Scene


class Space(Growing):
    """Depths between which there is something, whether rays are warped, and the training cameras; they travel with the weights.

    Args:
        pixel_centre: 0.5, or 0 for the convention of the NeRF papers' code.
    """

    grows = ("poses",)

    def __init__(self, pixel_centre: float = PIXEL_CENTRE) -> None:
        super().__init__()
        self.pixel_centre = pixel_centre
        self.register_buffer("depths", torch.tensor([2.0, 6.0]))
        self.register_buffer("forward_facing", torch.tensor(False))
        self.register_buffer("centre", torch.zeros(3))
        self.register_buffer("poses", torch.zeros(0, 3, 4))
        self.register_buffer("lens", torch.tensor([1.0, 1.0, 0.5, 0.5]))
        self.register_buffer("size", torch.tensor([1, 1]))
        self.depths: Tensor
        self.forward_facing: Tensor
        self.centre: Tensor
        self.poses: Tensor
        self.lens: Tensor
        self.size: Tensor

    def fill(self, scene: Scene) -> None:
        """Take what a scene says: depths, warp, training cameras, and the point nearest to all their optical axes."""
        cameras = [view.camera for view in scene.views["train"]]
        self.depths = torch.tensor([scene.near, scene.far]).to(self.depths)
        self.forward_facing = torch.tensor(scene.forward_facing).to(self.forward_facing)
        self.poses = torch.stack([camera.pose for camera in cameras]).to(self.poses)
        self.centre = focus(self.poses)
        self.lens = cameras[0].intrinsics.to(self.lens)
        self.size = torch.tensor([cameras[0].width, cameras[0].height]).to(self.size)

    @property
    def cameras(self) -> list[Camera]:
        """The training cameras (with the first one's lens)."""
        return [self.camera(pose.cpu()) for pose in self.poses]

    def camera(self, pose: Float[Tensor, "3 4"]) -> Camera:
        """A camera like the training ones somewhere else."""
        fx, fy, cx, cy = self.lens.tolist()
        width, height = self.size.tolist()
        return Camera(width, height, fx, fy, cx, cy, pose)

    @property
    def near(self) -> float:
        """Least t along rays."""
        return 0.0 if self.forward_facing else float(self.depths[0])

    @property
    def far(self) -> float:
        """Greatest t along rays."""
        return 1.0 if self.forward_facing else float(self.depths[1])

    def reach(self, rays: Rays) -> tuple[Float[Tensor, " rays"], Float[Tensor, " rays"]]:
        """Least and greatest t along rays: near and far, both moved on for whoever stands farther away than any training camera."""
        away = torch.zeros_like(rays.origins[:, 0])
        if len(self.poses) and not self.forward_facing:
            farthest = (self.poses[:, :, 3] - self.centre).norm(dim=1).max()
            away = ((rays.origins - self.centre).norm(dim=1) - 1.01 * farthest).clamp(min=0)
        return self.near + away, self.far + away

    def rays(self, intrinsics: Float[Tensor, "4"], pose: Float[Tensor, "3 4"], width: int, height: int) -> Rays:
        """The ray of every pixel, warped where the scene asks for it."""
        rays = rays_of_image(intrinsics, pose, width, height, self.pixel_centre)
        fx, fy = intrinsics[:2].tolist()
        return to_ndc(rays, (fx, fy), width, height) if self.forward_facing else rays

    def places(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Where in the world points of this space lie."""
        if not self.forward_facing:
            return points
        fx, fy = self.lens[:2].tolist()
        width, height = self.size.tolist()
        return from_ndc(points, (fx, fy), width, height)

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
