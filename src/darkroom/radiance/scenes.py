"""A scene: photographs and the cameras that took them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from darkroom.core import dataset, images
from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_uint8
from darkroom.radiance.cameras import Camera, handedness
from darkroom.radiance.lens import LensCamera, undistorted

HELD_OUT = 8
"""Where files do not state a split, every eighth view, beginning with the first, is a test view (Mildenhall et al. 2019)."""


@dataclass(frozen=True)
class View:
    """One photograph.

    Args:
        name: unique in the scene.
        path: of the file; it need not exist where only the camera is used.
        camera: at the size of the images that are trained on; a pinhole.
        taken_by: the camera with its lens, where that distorts: the photograph is undistorted when it is read.
    """

    name: str
    path: Path
    camera: Camera
    taken_by: LensCamera | None = None


@dataclass(frozen=True)
class Frame:
    """A point x of the world of a scene's files is at `scale (x - origin)` in the scene's own coordinates."""

    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0

    def of(self, camera: Camera) -> Camera:
        """A camera of the files' world in the scene's coordinates."""
        centre = (camera.pose[:, 3:].double() - torch.tensor(self.origin, dtype=torch.float64)[:, None]) * self.scale
        return replace(camera, pose=torch.cat([camera.pose[:, :3], centre.to(camera.pose)], 1))


@dataclass(frozen=True)
class Scene:
    """Views by split, and the bounds of the space that they see.

    Args:
        name: as tables show it.
        views: "train", "test", and possibly "val".
        near, far: bounds of depth, between which everything lies.
        forward_facing: rays are warped to normalised device coordinates, where near and far are 0 and 1.
        frame: of the world of the scene's files; cameras, near and far are in the scene's own.
        remarks: what a user should know of the files.
    """

    name: str
    views: Mapping[str, Sequence[View]]
    near: float
    far: float
    forward_facing: bool = False
    frame: Frame = Frame()
    remarks: tuple[str, ...] = field(default=())

    @cached_property
    def by_name(self) -> dict[str, View]:
        """Every view by its name."""
        return {view.name: view for views in self.views.values() for view in views}

    @cached_property
    def cameras(self) -> dict[str, Camera]:
        """Every camera by the name of its view."""
        return {name: view.camera for name, view in self.by_name.items()}

    def files(self, split: str) -> dict[str, Path]:
        """The image files of a split by the names of their views.

        Raises:
            DarkroomError: it has none.
        """
        found = {view.name: view.path for view in self.views.get(split, ())}
        if not found:
            raise DarkroomError(f"the scene {self.name} has no {split} views; it has {', '.join(self.views)}")
        return found


def read_view(view: View, background: float) -> UInt8[Tensor, "3 height width"]:
    """A photograph at its camera's size, undistorted, and composited over a background (1 white, 0 black).

    It is downscaled by averaging, colours weighted with opacity.

    Raises:
        DarkroomError: the file is missing, broken, or of another aspect ratio than the camera's.
    """
    layers = _layers(view)
    return to_uint8(_resized(layers[:3] + (1 - layers[3:]) * background, view.camera))


def read_layers(view: View) -> UInt8[Tensor, "4 height width"]:
    """A photograph at its camera's size, undistorted: RGB times opacity, and opacity.

    Raises:
        DarkroomError: as for `read_view`.
    """
    return to_uint8(_resized(_layers(view), view.camera))


def digest(view: View) -> str:
    """Digest of a photograph's decoded pixels at its camera's size, with opacity; the same over any background.

    Raises:
        DarkroomError: as for `read_view`.
    """
    modified = view.path.stat().st_mtime_ns if view.path.exists() else 0
    camera, by = view.camera, view.taken_by
    size, lens = (camera.width, camera.height), by and (by.lens, by.camera.width, *by.camera.intrinsics.tolist())
    key = (view.path, size, lens, modified)
    if key not in _DIGESTS:
        _DIGESTS[key] = dataset.digest(read_layers(view))
    return _DIGESTS[key]


_DIGESTS: dict[tuple[object, ...], str] = {}
"""Of files that have been read."""


def _layers(view: View) -> Float[Tensor, "4 height width"]:
    image, camera = images.read(view.path), view.camera
    pixels = image.pixels.expand(3, -1, -1)
    height, width = pixels.shape[1:]
    if abs(width * camera.height - height * camera.width) > max(width, height):
        raise DarkroomError(f"{view.path} has {width}x{height} pixels, but its camera {camera.width}x{camera.height}")
    alpha = torch.ones_like(pixels[:1]) if image.alpha is None else image.alpha
    layers = torch.cat([pixels * alpha, alpha])
    if view.taken_by is None:
        return layers
    taken = view.taken_by.camera.resized(width, height)
    return undistorted(layers, taken, view.taken_by.lens, camera.resized(width, height))


def _resized(layers: Float[Tensor, "layers h w"], camera: Camera) -> Float[Tensor, "layers height width"]:
    if layers.shape[1:] == (camera.height, camera.width):
        return layers
    return torch.nn.functional.interpolate(layers[None], (camera.height, camera.width), mode="area")[0]


def remarks_on_poses(poses: Float[Tensor, "views 3 4"], source: str) -> list[str]:
    """Remarks on implausible poses: left-handed axes, and rotations that are not orthonormal."""
    found, determinant = [], handedness(poses)
    if (determinant < 0).any():
        found.append(
            f"{int((determinant < 0).sum())} of {len(poses)} poses in {source} are left-handed (determinant "
            f"{determinant.min():.2f}): an axis has the wrong sign, and views will be mirrored"
        )
    elif (determinant - 1).abs().max() > 0.05:
        found.append(
            f"poses in {source} are not rigid (determinant of the rotation {determinant.min():.2f} to {determinant.max():.2f})"
        )
    return found


def common_size(paths: Sequence[Path]) -> tuple[int, int]:
    """Width and height of images that all have the same size.

    Raises:
        DarkroomError: sizes differ, or an image cannot be read.
    """
    size = images.size(paths[0])
    for path in paths[1:]:
        other = images.size(path)
        if other != size:
            raise DarkroomError(
                f"{path} has {other[0]}x{other[1]} pixels and {paths[0]} {size[0]}x{size[1]}: "
                "images of one scene must have the same size; resize them or use one folder per size"
            )
    return size


def numbered_split(views: Sequence[View], every: int = HELD_OUT) -> dict[str, list[View]]:
    """Every eighth view, beginning with the first, as test views, the others as training views."""
    return {
        "train": [view for number, view in enumerate(views) if number % every],
        "test": [view for number, view in enumerate(views) if not number % every],
    }
