"""Errors of estimated camera poses against reference poses, after alignment by a similarity transform."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.radiance.scenes import View


@dataclass(frozen=True)
class PoseErrors:
    """Errors of estimated cameras, after the similarity transform that aligns them best with the reference.

    Args:
        compared: number of cameras.
        centre: mean distance of centres, relative to the cameras' mean distance from their centroid.
        rotation: mean angle between orientations in degrees, the rotation common to all cameras removed.
        common_rotation: that common rotation in degrees; a wrong principal point shows here.
        focal: estimated and reference focal length in pixels.
        principal_point: estimated minus reference principal point in pixels.
    """

    compared: int
    centre: float
    rotation: float
    common_rotation: float
    focal: tuple[float, float]
    principal_point: tuple[float, float]

    def __str__(self) -> str:
        return (
            f"centres differ from the reference by {self.centre:.2%} of the cameras' spread, rotations by {self.rotation:.2f} "
            f"degrees (common to all: {self.common_rotation:.2f}), focal length {self.focal[0]:.1f} against "
            f"{self.focal[1]:.1f} pixels, principal point off by {self.principal_point[0]:+.1f}, {self.principal_point[1]:+.1f} pixels"
        )


def counterparts(photographs: Sequence[Path], reference: Sequence[View]) -> dict[Path, View]:
    """The view of each photograph: of the same file, otherwise of the same file name, otherwise of the same name but for its ending.

    Names that several views share are no match.

    Raises:
        DarkroomError: fewer than three photographs have one.
    """
    keys: tuple[Callable[[Path], object], ...] = (Path.resolve, lambda path: path.name, lambda path: path.stem)
    found: dict[Path, View] = {}
    for key in keys:
        counts = Counter(key(view.path) for view in reference)
        views = {key(view.path): view for view in reference if counts[key(view.path)] == 1}
        found = {path: views[key(path)] for path in photographs if key(path) in views}
        if len(found) >= 3:
            return found
    raise DarkroomError(
        f"{len(found)} of {len(photographs)} photographs have known poses: files are matched by name, and "
        f"{photographs[0].name if photographs else 'none'} is not among {', '.join(view.path.name for view in reference[:3])} ..."
    )


def compare_poses(estimated: Sequence[View], reference: Sequence[View]) -> PoseErrors:
    """Compare cameras of the same photographs, as `counterparts` matches them.

    Raises:
        DarkroomError: fewer than three photographs are in both.
    """
    known = counterparts([view.path for view in estimated], reference)
    pairs = [(view.camera, known[view.path].camera) for view in estimated if view.path in known]
    if len(pairs) < 3:
        raise DarkroomError(
            f"{len(pairs)} photographs have both estimated and known poses; at least 3 are needed to compare them"
        )
    mine, theirs = (torch.stack([pair[side].pose.double() for pair in pairs]) for side in (0, 1))
    scale, rotation, translation = similarity(mine[:, :, 3], theirs[:, :, 3])
    centres = scale * mine[:, :, 3] @ rotation.T + translation
    spread = float((theirs[:, :, 3] - theirs[:, :, 3].mean(0)).norm(dim=1).mean())
    # In the axes of each camera, where an error of the intrinsics is the same for all.
    residual = theirs[:, :, :3].transpose(1, 2) @ (rotation @ mine[:, :, :3])
    u, _, v = torch.linalg.svd(residual.mean(0))
    common = u @ torch.diag(torch.tensor([1.0, 1.0, float(torch.linalg.det(u @ v))], dtype=torch.float64)) @ v
    first, other = pairs[0]
    across = other.width / first.width
    return PoseErrors(
        len(pairs),
        float((centres - theirs[:, :, 3]).norm(dim=1).mean()) / spread,
        float(_angle(residual @ common.T).mean()),
        float(_angle(common)),
        (first.fx * across, other.fx),
        (first.cx * across - other.cx, first.cy * across - other.cy),
    )


def similarity(
    source: Float[Tensor, "points 3"], target: Float[Tensor, "points 3"]
) -> tuple[float, Float[Tensor, "3 3"], Float[Tensor, "3"]]:
    """Least-squares similarity transform between corresponding points: s, R, t with `target ≈ s R source + t`.

    Source: Umeyama 1991.
    """
    a, b = source - source.mean(0), target - target.mean(0)
    u, values, v = torch.linalg.svd(b.T @ a)
    sign = torch.ones(3, dtype=source.dtype)
    sign[2] = torch.linalg.det(u @ v).sign()
    rotation = u @ torch.diag(sign) @ v
    scale = float((values * sign).sum() / a.square().sum())
    return scale, rotation, target.mean(0) - scale * rotation @ source.mean(0)


def _angle(rotations: Float[Tensor, "*n 3 3"]) -> Float[Tensor, "*n"]:
    trace = rotations.diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.rad2deg(torch.arccos(((trace - 1) / 2).clamp(-1, 1)))
