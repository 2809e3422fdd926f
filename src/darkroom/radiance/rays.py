"""Rays with the colours that photographs saw along them, as a training stream; and views, as questions of a evaluation."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.core.stream import Stream
from darkroom.radiance.cameras import PIXEL_CENTRE, Rays, rays_of, to_ndc
from darkroom.radiance.scenes import Scene, View, read_layers, read_view

BUNDLE = 256
"""Rays of one sample of the stream."""


class Drawn(NamedTuple):
    """Pixels drawn from photographs.

    Args:
        view, x, y: number of the view, column and row, `(..., rays)`.
        behind: the colour behind them, `(..., rays, 3)`.
    """

    view: Tensor
    x: Tensor
    y: Tensor
    behind: Tensor


class SeenRays(NamedTuple):
    """Rays, what was seen along them, and the colour behind everything."""

    rays: Rays
    colour: Float[Tensor, "rays 3"]
    behind: Float[Tensor, "rays 3"]


class RayStream(Stream):
    """Bundles of rays drawn from all pixels of all training views.

    A sample is a bundle of pixels' numbers; photographs lie on the device, and become rays and colours there.

    Args:
        find: the scene, looked up when the stream is opened.
        background: behind transparent pixels: 1 white, 0 black, None another colour at random every time.
        rays: a step, over all processes together; a multiple of 256.
        centre_crop: for so many steps rays are drawn from the middle half of the images, lest all turns white.
        seed: the seed that everything depends on.
        pixel_centre: where in a pixel its ray goes through.
    """

    def __init__(
        self,
        find: Callable[[], Scene],
        *,
        background: float | None,
        rays: int,
        seed: int,
        centre_crop: int = 0,
        pixel_centre: float = PIXEL_CENTRE,
    ) -> None:
        if rays < BUNDLE or rays % BUNDLE:
            raise DarkroomError(f"--rays {rays}: a step takes a multiple of {BUNDLE} rays")
        self.find, self.background, self.batch, self.seed = find, background, rays // BUNDLE, seed
        self.centre_crop, self.pixel_centre = centre_crop, pixel_centre
        self._views: Sequence[View] = ()

    def open(self) -> None:
        scene = self.find()
        scene.files("train")  # says it if there are none
        views = scene.views["train"]
        images = [self._read(view) for view in views]
        self._pixels = torch.stack(images).permute(0, 2, 3, 1).contiguous()
        self._intrinsics = torch.stack([view.camera.intrinsics for view in views])
        self._poses = torch.stack([view.camera.pose for view in views])
        self._forward_facing, self._views = scene.forward_facing, views

    def _read(self, view: View) -> Tensor:
        if self.background is None:
            return read_layers(view.path, view.camera)
        return read_view(view.path, view.camera, self.background)

    def describe(self) -> dict[str, Any]:
        camera = self._views[0].camera
        return {
            "set": f"{self.find().name}, training views",
            "images": len(self._views),
            "samples a step": self.batch * BUNDLE,
            "unit": "rays",
            "split": "Test views are held out; sets that are called training views were learned from.",
            "sample": f"ray through a random pixel of {camera.width}x{camera.height}",
            "degradation": "none" if self.background is not None else "another colour behind every ray",
            **({"remarks": list(self.find().remarks)} if self.find().remarks else {}),
        }

    def sample(self, step: int, index: int) -> Drawn:
        random = generator(self.seed, "rays", step, index)
        count, height, width, _ = self._pixels.shape
        top, left = (height // 4, width // 4) if step < self.centre_crop else (0, 0)
        which = torch.randint(count, (BUNDLE,), generator=random)
        y = torch.randint(top, height - top, (BUNDLE,), generator=random)
        x = torch.randint(left, width - left, (BUNDLE,), generator=random)
        if self.background is None:
            return Drawn(which, x, y, torch.rand(BUNDLE, 3, generator=random))
        return Drawn(which, x, y, torch.full((BUNDLE, 3), self.background))

    def arrived(self, batch: Drawn) -> SeenRays:
        which, x, y, behind = (part.flatten(0, 1) for part in batch)
        if self._pixels.device != which.device:
            self._pixels, self._intrinsics, self._poses = (
                part.to(which.device) for part in (self._pixels, self._intrinsics, self._poses)
            )
        rays = rays_of(self._intrinsics[which], self._poses[which], x + self.pixel_centre, y + self.pixel_centre)
        if self._forward_facing:
            camera = self._views[0].camera
            rays = to_ndc(rays, (camera.fx, camera.fy), camera.width, camera.height)
        seen = to_float(self._pixels[which, y, x])
        if self.background is None:
            seen = seen[:, :3] + (1 - seen[:, 3:]) * behind
        return SeenRays(rays, seen, behind)


class QueriedViews:
    """Makes of a view the question: what does this camera see? The nearest training photograph is shown beside it.

    Args:
        find: the scene.
        background: behind transparent pixels.
    """

    def __init__(self, find: Callable[[], Scene], background: float) -> None:
        self.find, self.background = find, background

    def __str__(self) -> str:
        return "the view of a camera"

    def of(self, name: str) -> Callable[[Float[Tensor, "3 height width"], torch.Generator], Example]:
        """The question of one view: `Example(nearest photograph, photograph, (intrinsics, pose))`."""
        scene = self.find()
        camera = scene.cameras[name]
        others = [view for view in scene.views["train"] if view.name != name]
        nearest = min(others, key=lambda view: float((view.camera.centre - camera.centre).norm()))

        def ask(photograph: Tensor, _: torch.Generator) -> Example:
            shown = to_float(read_view(nearest.path, nearest.camera, self.background))
            return Example(shown, photograph, (camera.intrinsics, camera.pose))

        return ask
