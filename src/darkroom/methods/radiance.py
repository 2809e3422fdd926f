"""What methods that train a radiance field have in common: rendering the view of a camera."""

from abc import abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example, Method
from darkroom.radiance.cameras import Camera, Rays
from darkroom.radiance.rays import RayBatch
from darkroom.radiance.rendering import Background, Rendering, render
from darkroom.radiance.sampling import Samples
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space


class RenderedField(nn.Module):
    """A radiance field with volume rendering as its forward pass.

    All that is computed with the field's parameters is one call of this module, so that the loop's precision applies to it.

    Args:
        field: has `density` and `colour`, see `radiance.rendering.Field`.
    """

    def __init__(self, field: nn.Module) -> None:
        super().__init__()
        self.field = field

    def forward(
        self,
        rays: Rays,
        samples: Samples,
        background: Background = 1.0,
        min_weight: float = 0.0,
        min_transmittance: float = 0.0,
        bounds: Tensor | None = None,
    ) -> Rendering:
        """`radiance.rendering.render` of the field."""
        return render(
            self.field,  # type: ignore[arg-type]
            rays,
            samples,
            background,
            min_weight=min_weight,
            min_transmittance=min_transmittance,
            bounds=bounds,
        )


MIN_WEIGHT = 1e-4
"""Colours of samples with a smaller rendering weight are not computed, unless all are as small at first."""

INITIAL_SHARE = 0.1
"""Of the weight that a sample has at first: the colours of samples that weigh more are computed."""


def min_weight(initial: float) -> float:
    """The rendering weight below which colours are not computed.

    Such a sample counts as black and its colour has no gradient. Over black, a field of which all samples were left out would be
    invisible, and no loss would make it visible.

    Args:
        initial: weight of a sample before training.
    """
    return min(MIN_WEIGHT, INITIAL_SHARE * initial)


def missed(batch: RayBatch, meets: Bool[Tensor, " rays"]) -> float:
    """The fraction of the rays that see something, not just the background, that do not meet a box."""
    seen = (batch.target - batch.background).abs().amax(1) > 1 / 128
    return float((seen & ~meets).sum() / seen.sum().clamp(min=1))


class RadianceMethod(Method):
    """Trains a radiance field, and renders views of it.

    Args:
        space: bounds, warp and training cameras of the scene.
        background: colour behind the scene: 1 white, 0 black.
        chunk: number of rays that are rendered at a time.
    """

    def __init__(self, space: Space, background: float, chunk: int = 4096) -> None:
        super().__init__()
        self.space, self.background, self.chunk = space, background, chunk
        self._checked = False

    def prepare(self, scene: Scene) -> None:
        """Compute from the scene what training needs; it becomes part of the state, so a resumed run does not call this."""
        self.space.fill(scene)

    @torch.no_grad()
    def check_cameras(self, rays: Rays) -> None:
        """In the first step of a process, check that rays are of the cameras that training began with.

        Raises:
            DarkroomError: they are not.
        """
        if self._checked or self.space.forward_facing or not len(self.space.poses):
            return
        self._checked = True
        centres = self.space.poses[:, :, 3]
        off = torch.cdist(rays.origins[:1024], centres).amin(1).max()
        if float(off) > 1e-3 * self.space.far:
            raise DarkroomError(
                "the photographs' cameras are not those that this training began with: a file of the scene has changed, or was read "
                "by another version. Train with another --out"
            )

    @abstractmethod
    def render(self, rays: Rays) -> Rendering:
        """Render rays as they are evaluated."""

    @torch.no_grad()
    def view(self, camera: Camera) -> tuple[Float[Tensor, "3 height width"], Float[Tensor, "1 height width"], Tensor]:
        """Colour, depth (times opacity) and opacity of a camera's image, rendered in chunks of rows."""
        device, size = self.space.depths.device, (camera.height, camera.width)
        rays = self.space.rays(camera.intrinsics.to(device), camera.pose.float().to(device), camera.width, camera.height)
        chunk = max(1, self.chunk // camera.width) * camera.width
        count = camera.width * camera.height
        parts = [self.render(rays.subset(slice(begin, begin + chunk))) for begin in range(0, count, chunk)]
        colour = torch.cat([part.colour for part in parts]).T.reshape(3, *size)
        depth, opacity = (torch.cat(each).view(1, *size) for each in zip(*((p.depth, p.opacity) for p in parts), strict=True))
        return colour, depth, opacity

    def predict(self, batch: Example) -> Float[Tensor, "1 3 height width"]:
        """The view of a camera, at the target's size; `batch.condition` is its intrinsics and pose, in a batch of one."""
        (intrinsics,), (pose,) = batch.condition
        height, width = batch.target.shape[-2:]
        fx, fy, cx, cy = intrinsics.tolist()
        return self.view(Camera(width, height, fx, fy, cx, cy, pose))[0][None]
