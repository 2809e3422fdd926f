"""Near, far and the size of a scene: from a user, its file, reconstructed points, a box, or the cameras alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.radiance.scenes import Frame, View
from darkroom.radiance.space import focus

CANONICAL_FAR = 6.0
"""The depth to which every scene's far bound is scaled: that of the NeRF paper's synthetic scenes."""

QUANTILES = (0.02, 0.98)
"""Of the depths of reconstructed points, taken for near and far, with a margin."""

FILE = "its file"
"""The source of bounds that a file states, which need no remark."""

AROUND, OPEN, OUTWARDS = (0.5, 1.5), (0.1, 4.0), (0.1, 10.0)
"""Near and far where only cameras are known: as shares of their distance from what they look at, for an object without background and
for photographs with one; and as shares of the cameras' spread where they look past each other."""


@dataclass(frozen=True)
class Given:
    """What a user says, in the units of the scene's files."""

    near: float | None = None
    far: float | None = None
    scale: float | None = None
    """About the origin of the files."""

    def otherwise(self, other: "Given") -> "Given":
        """This, and what another says of the rest."""
        return Given(self.near or other.near, self.far or other.far, self.scale or other.scale)


UNSAID = Given()

PAPERS = Given(2.0, 6.0, 1.0)
"""Of the NeRF paper's synthetic scenes, whose cameras are at a distance of 4 from the centre."""


class Depths(NamedTuple):
    """Bounds of depth, and where they come from.

    Args:
        near, far: of every camera, in the units of the scene's files.
        centre: of the scene.
        source: in words.
    """

    near: float
    far: float
    centre: Float[Tensor, "3"]
    source: str


def of_points(poses: Float[Tensor, "views 3 4"], points: Float[Tensor, "points 3"]) -> Depths:
    """Bounds of the depths of points before the cameras, but for 2 % at either end, with a margin of 20 %.

    Raises:
        DarkroomError: no point lies before a camera.
    """
    depths = _before(poses, points)
    if not len(depths):
        raise DarkroomError("none of the reconstructed points lies before a camera")
    depths = depths[:: max(1, len(depths) // 1_000_000)]
    near, far = torch.quantile(depths, torch.tensor(QUANTILES, dtype=depths.dtype)).tolist()
    return Depths(0.8 * near, 1.2 * far, points.double().median(0).values, "the reconstructed points")


def _before(poses: Float[Tensor, "views 3 4"], points: Float[Tensor, "points 3"]) -> Float[Tensor, " depths"]:
    """The depths of points before each camera, one after the other; a point behind a camera has none."""
    points = points.double()
    depths = torch.cat([-(points - pose[:, 3]) @ pose[:, 2] for pose in poses.double()])
    return depths[depths > 0]


def of_box(poses: Float[Tensor, "views 3 4"], centre: Float[Tensor, "3"], half: float) -> Depths:
    """Bounds of a cube's depths; the near bound is at least a hundredth of the far one."""
    away = (poses[:, :, 3].double() - centre.double()).norm(dim=1)
    far, near = float(away.max()) + 3**0.5 * half, float(away.min()) - 3**0.5 * half
    return Depths(max(near, 0.01 * far), far, centre, f"a box of {2 * half:g} a side (aabb_scale)")


def of_cameras(poses: Float[Tensor, "views 3 4"], *, opaque: bool) -> Depths:
    """A guess from the point that the cameras look at; from their spread where there is none before them.

    Args:
        poses: camera to world.
        opaque: whether photographs have a background.
    """
    poses = poses.double()
    centre, middle = focus(poses), poses[:, :, 3].mean(0)
    depths = -((centre - poses[:, :, 3]) * poses[:, :, 2]).sum(1)
    spread = float((poses[:, :, 3] - middle).norm(dim=1).mean())
    distance = float(depths.clamp(min=0).mean())
    if float((depths > 0).double().mean()) > 0.75 and distance > 0.5 * spread:
        low, high = OPEN if opaque else AROUND
        return Depths(low * distance, high * distance, centre, "the cameras' distance from what they look at, a guess")
    reach = spread or 1.0
    return Depths(OUTWARDS[0] * reach, OUTWARDS[1] * reach, middle, "how far the cameras are from each other, a guess")


def framed(
    views: Mapping[str, Sequence[View]],
    depths: Depths,
    given: Given,
    points: Float[Tensor, "points 3"] | None = None,
) -> tuple[dict[str, list[View]], float, float, Frame, list[str]]:
    """A scene in its own coordinates, in which far is 6 or the scale is a given one.

    Args:
        views: in the world of the files.
        depths: where nothing is given.
        given: by the user.
        points: reconstructed ones, whose fraction beyond given bounds is remarked.

    Returns:
        Views, near, far, the frame, and remarks that say what was assumed.

    Raises:
        DarkroomError: near is not smaller than far.
    """
    near, far = given.near or depths.near, given.far or depths.far
    if near >= far:
        raise DarkroomError(
            f"near {near:g} is not smaller than far {far:g} ({depths.source} give {depths.near:g} and {depths.far:g}): "
            "change --near or --far"
        )
    scale = given.scale or CANONICAL_FAR / far
    stated = depths.source == FILE
    origin = (0.0, 0.0, 0.0) if stated or given.scale else tuple(depths.centre.tolist())
    frame = Frame(origin, scale)
    moved = {split: [replace(view, camera=frame.of(view.camera)) for view in some] for split, some in views.items()}
    remarks = []
    if not stated and not (given.near and given.far):
        remarks.append(
            f"near {near:.3g} and far {far:.3g} are assumed, from {depths.source}; --near and --far set them, in the units of the "
            f"file. The scene is scaled by {scale:.3g}"
        )
    if points is not None and (given.near or given.far):
        cameras = [view.camera for view in views.get("train", ())]
        seen = _before(torch.stack([camera.pose for camera in cameras]), points)
        beyond = float(((seen < near) | (seen > far)).double().mean()) if len(seen) else 0.0
        if beyond > 0.01:
            remarks.append(
                f"{beyond:.0%} of the reconstructed points before the cameras lie nearer than {near:g} or beyond {far:g}"
            )
    return moved, near * scale, far * scale, frame, remarks
