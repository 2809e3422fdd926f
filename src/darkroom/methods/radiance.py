"""What the methods that learn a radiance field have in common: they answer a camera with a picture."""

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Method, Pair
from darkroom.radiance.cameras import Camera, Rays
from darkroom.radiance.rendering import Background, Rendering, Samples, render
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space


class Rendered(nn.Module):
    """A field as a player: called with rays and samples, it answers with what is seen.

    One call holds all that is computed with its weights, which is what mixed precision and several processes need.
    """

    def __init__(self, field: nn.Module) -> None:
        super().__init__()
        self.field = field

    def forward(self, rays: Rays, samples: Samples, background: Background = 1.0, least: float = 0.0) -> Rendering:
        """`rendering.render` of the field."""
        return render(self.field, rays, samples, background, least=least)  # type: ignore[arg-type]


def bare(player: nn.Module) -> Any:
    """A player without what training has wrapped around it."""
    return getattr(player, "module", player)


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

    def look_at(self, scene: Scene) -> None:
        """Learn from a scene what has to be known before training."""
        self.space.fill(scene)

    @abstractmethod
    def see(self, rays: Rays) -> Rendering:
        """What is seen along rays, as it is judged."""

    @torch.no_grad()
    def view(self, camera: Camera) -> tuple[Float[Tensor, "3 height width"], Float[Tensor, "1 height width"], Tensor]:
        """Colour, depth and opacity of a view, rendered some rows at a time."""
        device, size = self.space.depths.device, (camera.height, camera.width)
        rays = self.space.rays(camera.intrinsics.to(device), camera.pose.float().to(device), camera.width, camera.height)
        some = max(1, self.chunk // camera.width) * camera.width
        parts = [self.see(rays.at(slice(begin, begin + some))) for begin in range(0, camera.width * camera.height, some)]
        colour = torch.cat([part.colour for part in parts]).T.reshape(3, *size)
        depth, opacity = (torch.cat(each).view(1, *size) for each in zip(*((p.depth, p.opacity) for p in parts), strict=True))
        return colour, depth, opacity

    def predict(self, batch: Pair) -> Float[Tensor, "1 3 height width"]:
        """The view that a camera is asked for; `batch.given` is its intrinsics and its pose."""
        (intrinsics,), (pose,) = batch.given
        height, width = batch.target.shape[-2:]
        fx, fy, cx, cy = intrinsics.tolist()
        return self.view(Camera(width, height, fx, fy, cx, cy, pose))[0][None]
