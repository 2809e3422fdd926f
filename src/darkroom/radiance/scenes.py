"""A scene: photographs with the cameras that took them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_uint8
from darkroom.radiance.cameras import Camera, handedness

HELD_OUT = 8
"""Where nothing else is said, every eighth view from the first on is held out (Mildenhall et al. 2019)."""


@dataclass(frozen=True)
class View:
    """One photograph.

    Args:
        name: unique in the scene.
        path: the file, which need not be there for a camera that only asks to be rendered.
        camera: at the size of the images that are trained on.
    """

    name: str
    path: Path
    camera: Camera


@dataclass(frozen=True)
class Scene:
    """Views by split, and what is known of the space they see.

    Args:
        name: what tables call it.
        views: "train", "test", and perhaps "val".
        near, far: between these depths lies all there is to see.
        forward_facing: rays are warped to normalised device coordinates, where near and far are 0 and 1.
        remarks: what a person should know of the files.
    """

    name: str
    views: Mapping[str, Sequence[View]]
    near: float
    far: float
    forward_facing: bool = False
    remarks: tuple[str, ...] = field(default=())

    @cached_property
    def cameras(self) -> dict[str, Camera]:
        """Every camera by the name of its view."""
        return {view.name: view.camera for views in self.views.values() for view in views}

    def files(self, split: str) -> dict[str, Path]:
        """The images of a split by their names.

        Raises:
            DarkroomError: it has none.
        """
        found = {view.name: view.path for view in self.views.get(split, ())}
        if not found:
            raise DarkroomError(f"the scene {self.name} has no {split} views; it has {', '.join(self.views)}")
        return found


def read_view(path: Path, camera: Camera, background: float) -> UInt8[Tensor, "3 height width"]:
    """A photograph at its camera's size, over a background (1 white, 0 black) where it is transparent.

    It is reduced by ema, colours weighted with opacity.

    Raises:
        DarkroomError: the file is missing, broken, or of another shape than the camera's.
    """
    layers = _layers(path, camera)
    return to_uint8(_of_size(layers[:3] + (1 - layers[3:]) * background, camera))


def read_layers(path: Path, camera: Camera) -> UInt8[Tensor, "4 height width"]:
    """A photograph at its camera's size: colours, times opacity; and opacity.

    Raises:
        DarkroomError: as for `read_view`.
    """
    return to_uint8(_of_size(_layers(path, camera), camera))


def _layers(path: Path, camera: Camera) -> Float[Tensor, "4 height width"]:
    image = images.read(path)
    pixels = image.pixels.expand(3, -1, -1)
    height, width = pixels.shape[1:]
    if abs(width * camera.height - height * camera.width) > max(width, height):
        raise DarkroomError(f"{path} has {width}x{height} pixels, but its camera sees {camera.width}x{camera.height}")
    alpha = torch.ones_like(pixels[:1]) if image.alpha is None else image.alpha
    return torch.cat([pixels * alpha, alpha])


def _of_size(layers: Float[Tensor, "layers h w"], camera: Camera) -> Float[Tensor, "layers height width"]:
    if layers.shape[1:] == (camera.height, camera.width):
        return layers
    return torch.nn.functional.interpolate(layers[None], (camera.height, camera.width), mode="area")[0]


def remarks_on(poses: Float[Tensor, "views 3 4"], source: str) -> list[str]:
    """What is suspicious about poses: mirrored axes, and rotations that are none."""
    found, turned = [], handedness(poses)
    if (turned < 0).any():
        found.append(
            f"{int((turned < 0).sum())} of {len(poses)} poses in {source} are left-handed (determinant {turned.min():.2f}): "
            "an axis has the wrong sign, and views will be mirrored"
        )
    elif (turned - 1).abs().max() > 0.05:
        found.append(f"poses in {source} are no pure rotations (determinant {turned.min():.2f} to {turned.max():.2f})")
    return found


def size_of_all(paths: Sequence[Path]) -> tuple[int, int]:
    """The width and height that all images have.

    Raises:
        DarkroomError: they differ, or one cannot be read.
    """
    size = images.size(paths[0])
    for path in paths[1:]:
        other = images.size(path)
        if other != size:
            raise DarkroomError(
                f"{path} has {other[0]}x{other[1]} pixels and {paths[0]} {size[0]}x{size[1]}: "
                "one scene's images must have one size; scale or sort them"
            )
    return size


def numbered_split(views: Sequence[View], every: int = HELD_OUT) -> dict[str, list[View]]:
    """Every eighth view from the first on to evaluation by, the others to learn from."""
    return {
        "train": [view for number, view in enumerate(views) if number % every],
        "test": [view for number, view in enumerate(views) if not number % every],
    }
