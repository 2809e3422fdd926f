"""Training rays drawn from photographs, and the views that are evaluated."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.core.record import DataRecord
from darkroom.core.stream import Stream
from darkroom.radiance.cameras import PIXEL_CENTRE, Rays, rays_through, to_ndc
from darkroom.radiance.colour import over
from darkroom.radiance.scenes import Scene, View, digest, read_layers, read_view

BUNDLE = 256
"""Rays of one sample of the stream."""


class Pixels(NamedTuple):
    """Pixels drawn from photographs.

    Args:
        view, x, y: index of the view, column and row, `(..., rays)`.
        background: colour behind transparent pixels, `(..., rays, 3)`.
    """

    view: Tensor
    x: Tensor
    y: Tensor
    background: Tensor


class RayBatch(NamedTuple):
    """Rays, the colours of their pixels, and the background."""

    rays: Rays
    target: Float[Tensor, "rays 3"]
    background: Float[Tensor, "rays 3"]


class RayStream(Stream):
    """Batches of rays through random pixels of all training views.

    A sample holds indices of 256 pixels; the photographs stay on the device, where indices become rays and colours.

    Args:
        find: the scene, looked up by `open`.
        background: behind transparent pixels: 1 white, 0 black, None a random colour for each ray.
        rays: per step, over all processes together; a multiple of 256.
        centre_crop: number of first steps in which rays are drawn from the middle half of the images, against collapse to a
            transparent field.
        seed: of the draws.
        pixel_centre: offset of the ray in its pixel.
        linear: composite random backgrounds in linear colour.

    Raises:
        DarkroomError: `rays` is not a multiple of 256.
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
        linear: bool = False,
    ) -> None:
        if rays < BUNDLE or rays % BUNDLE:
            raise DarkroomError(f"--batch-size {rays}: the number of rays per step must be a multiple of {BUNDLE}")
        self.find, self.background, self.batch_size, self.seed = find, background, rays // BUNDLE, seed
        self.centre_crop, self.pixel_centre, self.linear = centre_crop, pixel_centre, linear
        self._views: Sequence[View] = ()

    def open(self) -> None:
        scene = self.find()
        scene.files("train")  # raises where there are none
        views = scene.views["train"]
        pixels = [self._read(view).permute(1, 2, 0) for view in views]
        self._sizes = torch.tensor([image.shape[:2] for image in pixels])
        self._first, self._widths = self._sizes.prod(1).cumsum(0) - self._sizes.prod(1), self._sizes[:, 1]
        self._pixels = torch.cat([image.flatten(0, 1) for image in pixels])
        self._intrinsics = torch.stack([view.camera.intrinsics for view in views])
        self._poses = torch.stack([view.camera.pose for view in views])
        self._forward_facing, self._views = scene.forward_facing, views

    def _read(self, view: View) -> Tensor:
        return read_layers(view) if self.background is None else read_view(view, self.background)

    def describe(self) -> DataRecord:
        scene, sizes = self.find(), sorted({(view.camera.width, view.camera.height) for view in self._views})
        size = " to ".join(f"{width}x{height}" for width, height in dict.fromkeys((sizes[0], sizes[-1])))
        return DataRecord(
            dataset=f"{scene.name}, training views",
            count=len(self._views),
            samples_per_step=self.batch_size * BUNDLE,
            unit="rays",
            sample=f"ray through a random pixel of {size}",
            degradation="none" if self.background is not None else "a random background colour for each ray",
            split='Test views are held out. Evaluations named "training views" are on images that were trained on.',
            remarks=list(scene.remarks),
        )

    def digests(self) -> dict[str, str]:
        return {view.name: digest(view) for view in self._views}

    def sample(self, step: int, index: int) -> Pixels:
        random = generator(self.seed, "rays", step, index)
        view = torch.randint(len(self._views), (BUNDLE,), generator=random)
        sizes = self._sizes[view]
        begin = sizes // 4 if step < self.centre_crop else torch.zeros_like(sizes)
        y, x = (begin + torch.rand(BUNDLE, 2, generator=random) * (sizes - 2 * begin)).long().unbind(1)
        if self.background is None:
            return Pixels(view, x, y, torch.rand(BUNDLE, 3, generator=random))
        return Pixels(view, x, y, torch.full((BUNDLE, 3), self.background))

    def on_device(self, batch: Pixels) -> RayBatch:
        view, x, y, background = (part.flatten(0, 1) for part in batch)
        if self._pixels.device != view.device:
            for name in ("_pixels", "_intrinsics", "_poses", "_first", "_widths"):
                setattr(self, name, getattr(self, name).to(view.device))
        rays = rays_through(self._intrinsics[view], self._poses[view], x + self.pixel_centre, y + self.pixel_centre)
        if self._forward_facing:
            camera = self._views[0].camera
            rays = to_ndc(rays, (camera.fx, camera.fy), camera.width, camera.height)
        target = to_float(self._pixels[self._first[view] + y * self._widths[view] + x])
        if self.background is None:
            target = over(target, background, linear=self.linear)
        return RayBatch(rays, target, background)


class QueriedViews:
    """Examples for the evaluation of views: a camera is the condition, its photograph the target.

    The input is the training photograph of the nearest camera, which serves as a baseline and is shown beside the prediction.
    As a string it states the protocol.

    Args:
        find: the scene.
        background: behind transparent pixels: 1 white, 0 black.
        size: width to which the scene's images are downscaled; 0 for their own size.

    Example:
        >>> str(QueriedViews(lambda: None, background=1.0))
        'views over white at their own size'
        >>> str(QueriedViews(lambda: None, background=0.0, size=200))
        'views over black, downscaled to a width of 200 pixels'
    """

    def __init__(self, find: Callable[[], Scene], background: float, size: int = 0) -> None:
        self.find, self.background, self.size = find, background, size

    def __str__(self) -> str:
        behind = {0.0: "black", 1.0: "white"}.get(self.background, f"grey {self.background:g}")
        size = f", downscaled to a width of {self.size} pixels" if self.size else " at their own size"
        return f"views over {behind}{size}"

    def names(self, split: str) -> list[str]:
        """Names of the views of a split.

        Raises:
            DarkroomError: it has none.
        """
        return list(self.find().files(split))

    def of(self, name: str) -> Callable[[Float[Tensor, "3 height width"], torch.Generator], Example]:
        """Makes the example of a view from its photograph: `Example(nearest photograph, photograph, (intrinsics, pose))`."""
        scene = self.find()
        camera = scene.cameras[name]
        others = [view for view in scene.views["train"] if view.name != name]
        nearest = min(others, key=lambda view: float((view.camera.centre - camera.centre).norm()))

        def example(photograph: Tensor, _: torch.Generator) -> Example:
            shown = to_float(read_view(nearest, self.background))
            if shown.shape != photograph.shape:  # photographs of several sizes
                shown = torch.nn.functional.interpolate(shown[None], photograph.shape[1:], mode="area")[0]
            return Example(shown, photograph, (camera.intrinsics, camera.pose))

        return example

    def example(self, name: str) -> Example:
        """The example of a view, its photograph read from its file, without batch axis."""
        view = self.find().by_name[name]
        photograph = to_float(read_view(view, self.background))
        return self.of(name)(photograph, torch.Generator())

    def digests(self, names: Sequence[str]) -> dict[str, str]:
        """Digests of photographs by their names, comparable with those of `RayStream.digests`."""
        return {name: digest(self.find().by_name[name]) for name in names}
