"""What the methods that learn a radiance field have in common: they answer a camera with an image."""

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example, Method
from darkroom.radiance.cameras import Camera, Rays
from darkroom.radiance.rendering import Background, Rendering, Samples, render
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space


class Rendered(nn.Module):
    """A field as a network: called with rays and samples, it answers with what is seen.

    One call holds all that is computed with its weights, which is what mixed precision and several processes need.
    """

    def __init__(self, field: nn.Module) -> None:
        super().__init__()
        self.field = field

    def forward(self, rays: Rays, samples: Samples, background: Background = 1.0, least: float = 0.0) -> Rendering:
        """`rendering.render` of the field."""
        return render(self.field, rays, samples, background, least=least)  # type: ignore[arg-type]


def bare(network: nn.Module) -> Any:
    """A network without what training has wrapped around it."""
    return getattr(network, "module", network)


class RadianceMethod(Method):
    """Renders views.

    Args:
        space: depths and warp.
        background: behind everything: 1 white, 0 black.
        chunk: rays that are rendered at a time.
    """

    def __init__(self, space: Space, background: float, chunk: int = 4096) -> None:
        super().__init__()
        self.space, self.background, self.chunk = space, background, chunk

    def prepare(self, scene: Scene) -> None:
        """Learn from a scene what has to be known before training."""
        self.space.fill(scene)

    @abstractmethod
    def render(self, rays: Rays) -> Rendering:
        """What is seen along rays, as it is evaluated."""

    @torch.no_grad()
    def view(self, camera: Camera) -> tuple[Float[Tensor, "3 height width"], Float[Tensor, "1 height width"], Tensor]:
        """Colour, depth and opacity of a view, rendered some rows at a time."""
        device, size = self.space.depths.device, (camera.height, camera.width)
        rays = self.space.rays(camera.intrinsics.to(device), camera.pose.float().to(device), camera.width, camera.height)
        some = max(1, self.chunk // camera.width) * camera.width
        parts = [self.render(rays.at(slice(begin, begin + some))) for begin in range(0, camera.width * camera.height, some)]
        colour = torch.cat([part.colour for part in parts]).T.reshape(3, *size)
        depth, opacity = (torch.cat(each).view(1, *size) for each in zip(*((p.depth, p.opacity) for p in parts), strict=True))
        return colour, depth, opacity

    def predict(self, batch: Example) -> Float[Tensor, "1 3 height width"]:
        """The view that a camera is asked for; `batch.condition` is its intrinsics and its pose."""
        (intrinsics,), (pose,) = batch.condition
        height, width = batch.target.shape[-2:]
        fx, fy, cx, cy = intrinsics.tolist()
        return self.view(Camera(width, height, fx, fy, cx, cy, pose))[0][None]
