"""The coordinate space of a scene, kept with the weights, so that views can be rendered without the photographs."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.layers.growth import Growing
from darkroom.radiance.cameras import PIXEL_CENTRE, Camera, Rays, from_ndc, image_rays, to_ndc
from darkroom.radiance.scenes import Frame, Scene


class Space(Growing):
    """Near and far bounds, the warp to normalised device coordinates, and the training cameras, as a module with a state.

    Args:
        pixel_centre: offset of the ray in its pixel: 0.5, or 0 as in the code of the NeRF papers.
    """

    grows = ("poses",)

    def __init__(self, pixel_centre: float = PIXEL_CENTRE) -> None:
        super().__init__()
        self.pixel_centre = pixel_centre
        self.register_buffer("depths", torch.tensor([2.0, 6.0]))
        self.register_buffer("forward_facing", torch.tensor(False))
        self.register_buffer("centre", torch.zeros(3))
        self.register_buffer("origin", torch.zeros(3))
        self.register_buffer("scale", torch.tensor(1.0))
        self.register_buffer("poses", torch.zeros(0, 3, 4))
        self.register_buffer("intrinsics", torch.tensor([1.0, 1.0, 0.5, 0.5]))
        self.register_buffer("image_size", torch.tensor([1, 1]))
        self.depths: Tensor
        self.forward_facing: Tensor
        self.centre: Tensor
        self.origin: Tensor
        self.scale: Tensor
        self.poses: Tensor
        self.intrinsics: Tensor
        self.image_size: Tensor

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        earlier = {prefix + name: getattr(self, name) for name in ("origin", "scale")}  # states of earlier versions have none
        super()._load_from_state_dict({**earlier, **state_dict}, prefix, *rest)

    def fill(self, scene: Scene) -> None:
        """Take over a scene's bounds, warp and training cameras; the centre is the point nearest to their optical axes."""
        cameras = [view.camera for view in scene.views["train"]]
        self.depths = torch.tensor([scene.near, scene.far]).to(self.depths)
        self.forward_facing = torch.tensor(scene.forward_facing).to(self.forward_facing)
        self.poses = torch.stack([camera.pose for camera in cameras]).to(self.poses)
        self.centre = focus(self.poses)
        self.origin = torch.tensor(scene.frame.origin).to(self.origin)
        self.scale = torch.tensor(scene.frame.scale).to(self.scale)
        self.intrinsics = cameras[0].intrinsics.to(self.intrinsics)
        self.image_size = torch.tensor([cameras[0].width, cameras[0].height]).to(self.image_size)

    @property
    def cameras(self) -> list[Camera]:
        """The training cameras, with the intrinsics of the first one."""
        return [self.camera(pose.cpu()) for pose in self.poses]

    def camera(self, pose: Float[Tensor, "3 4"]) -> Camera:
        """A camera with the intrinsics of the training cameras and another pose."""
        fx, fy, cx, cy = self.intrinsics.tolist()
        width, height = self.image_size.tolist()
        return Camera(width, height, fx, fy, cx, cy, pose)

    @property
    def frame(self) -> Frame:
        """Of the world of the scene's files, in which cameras are given from outside."""
        x, y, z = self.origin.tolist()
        return Frame((x, y, z), float(self.scale))

    @property
    def near(self) -> float:
        """Least t along rays."""
        return 0.0 if self.forward_facing else float(self.depths[0])

    @property
    def far(self) -> float:
        """Greatest t along rays."""
        return 1.0 if self.forward_facing else float(self.depths[1])

    def bounds(self, rays: Rays) -> tuple[Float[Tensor, " rays"], Float[Tensor, " rays"]]:
        """Least and greatest t of each ray: near and far, larger by the distance of its origin beyond the training cameras.

        The host does not wait for the device.
        """
        warped = self.forward_facing.to(self.depths.dtype)
        near, far = self.depths * (1 - warped)
        beyond = torch.zeros_like(rays.origins[:, 0])
        if len(self.poses):
            farthest = (self.poses[:, :, 3] - self.centre).norm(dim=1).max()
            beyond = ((rays.origins - self.centre).norm(dim=1) - 1.01 * farthest).clamp(min=0) * (1 - warped)
        return near + beyond, far + warped + beyond

    def rays(self, intrinsics: Float[Tensor, "4"], pose: Float[Tensor, "3 4"], width: int, height: int) -> Rays:
        """The ray of every pixel of an image, in normalised device coordinates where the scene is forward-facing."""
        rays = image_rays(intrinsics, pose, width, height, self.pixel_centre)
        fx, fy = intrinsics[:2].tolist()
        return to_ndc(rays, (fx, fy), width, height) if self.forward_facing else rays

    def to_world(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """World coordinates of points in this space."""
        if not self.forward_facing:
            return points
        fx, fy = self.intrinsics[:2].tolist()
        width, height = self.image_size.tolist()
        return from_ndc(points, (fx, fy), width, height)

    def bounding_box(self, cameras: list[Camera]) -> tuple[Tensor, Tensor]:
        """Corners of the box around the rays of all pixels between near and far."""
        ends = []
        for camera in cameras:
            rays = self.rays(camera.intrinsics, camera.pose, camera.width, camera.height)
            ends += [rays.origins + t * rays.directions for t in (self.near, self.far)]
        points = torch.cat(ends)
        return points.amin(0), points.amax(0)


def focus(poses: Float[Tensor, "views 3 4"]) -> Float[Tensor, "3"]:
    """The least-squares point nearest to all optical axes, regularised towards the mean of the camera centres."""
    axes, centres = poses[:, :, 2].double(), poses[:, :, 3].double()
    across = torch.eye(3, dtype=torch.float64) - axes[:, :, None] * axes[:, None, :]
    system = across.sum(0) + 1e-6 * len(poses) * torch.eye(3, dtype=torch.float64)
    right = (across @ centres[:, :, None]).sum(0)[:, 0] + 1e-6 * len(poses) * centres.mean(0)
    return torch.linalg.solve(system, right).to(poses.dtype)
