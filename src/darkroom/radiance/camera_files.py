"""Cameras to render from outside: transforms files, and the camera paths of nerfstudio's viewer."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.files import read_json
from darkroom.radiance import blender
from darkroom.radiance.cameras import Camera
from darkroom.radiance.paths import up_of
from darkroom.radiance.scenes import View
from darkroom.radiance.schema import check_matrix
from darkroom.radiance.space import Space

FARTHER, ROLL = 3.0, 20.0
"""Cameras so many times nearer or farther than the training cameras, or tilted by so many degrees more, may be of another world."""


def cameras_in(path: Path) -> tuple[list[View], list[str]]:
    """The cameras of a transforms file or of a `camera_path.json`, in the file's own world, and remarks; no images are needed.

    Views of a lens that distorts are those of the pinhole camera that its photographs are undistorted to.

    Raises:
        DarkroomError: the file is broken, has no cameras, or states what is not supported.
    """
    if not path.is_file():
        raise DarkroomError(f"no file at {path}")
    content = read_json(path)
    if "camera_path" in content:
        return _path(path, content), []
    views, remarks = blender.read_frames(path, require_images=False)
    if not views:
        raise DarkroomError(f"{path} has no frames")
    return views, remarks


def placed(views: Sequence[View], space: Space) -> tuple[list[View], list[str]]:
    """Views of the world of a scene's files in its space, and a remark where their world seems to be another one."""
    found = [replace(view, camera=space.frame.of(view.camera)) for view in views]
    signs = _doubts(torch.stack([view.camera.pose for view in found]), space)
    if not signs:
        return found, []
    return found, [
        f"are these cameras of the same world as the photographs of the training? {' and '.join(signs)}. Poses that another program "
        "has centred, turned or scaled do not fit"
    ]


def _doubts(poses: Float[Tensor, "views 3 4"], space: Space) -> list[str]:
    """Signs that cameras are of another world than the training cameras: their distance from the centre, and how level they are."""
    own = space.poses.cpu()
    if not len(own):
        return []
    centre, up, signs = space.centre.cpu(), up_of(own), []
    away, usual = (float((these[:, :, 3] - centre).norm(dim=1).mean()) for these in (poses, own))
    if not usual / FARTHER < away < FARTHER * usual:
        signs.append(f"they are {away / usual:.2g} times as far from the scene's centre as the training cameras")
    roll, level = (float(torch.rad2deg(torch.asin((these[:, :, 0] @ up).clamp(-1, 1))).abs().mean()) for these in (poses, own))
    if roll > level + ROLL:
        signs.append(f"their horizon is tilted by {roll:.0f} degrees, that of the training cameras by {level:.0f}")
    if float((poses[:, :, 1] @ up).mean()) < -0.1:
        signs.append("they are upside down")
    return signs


def _path(path: Path, content: dict[str, Any]) -> list[View]:
    """nerfstudio's: a size, and of every camera 16 numbers, row by row, the vertical field of view in degrees and the aspect ratio."""
    kind = content.get("camera_type", "perspective")
    if kind != "perspective":
        raise DarkroomError(f"{path}: camera_type {str(kind)[:60]!r} is not supported; only perspective is rendered")
    if content.get("crop"):
        raise DarkroomError(f"{path}: crop is not supported; remove the entry to render all of the scene")
    width, height = (_number(f"{path}: ", content, f"render_{side}", 1.0, 1e5) for side in ("width", "height"))
    listed = content["camera_path"]
    if not isinstance(listed, list) or not listed:
        raise DarkroomError(f"{path} has no list of cameras in camera_path")
    views = []
    for number, each in enumerate(listed):
        at = f"{path}: camera {number}: "
        if not isinstance(each, dict):
            raise DarkroomError(f"{at}it must be an object with camera_to_world and fov")
        rows: Any = each.get("camera_to_world")
        if isinstance(rows, list) and len(rows) == 16:
            rows = [rows[begin : begin + 4] for begin in range(0, 16, 4)]
        check_matrix(f"{at}camera_to_world ", rows)
        focal = 0.5 * height / math.tan(math.radians(_number(at, each, "fov", 0.1, 179.0)) / 2)
        pose = torch.tensor(rows[:3], dtype=torch.float32)
        camera = Camera(round(width), round(height), focal, focal, width / 2, height / 2, pose)
        views.append(View(f"{number:04}", path, camera))
    return views


def _number(at: str, entries: dict[str, Any], key: str, low: float, high: float) -> float:
    value = entries.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise DarkroomError(f"{at}{key} must be a number from {low:g} to {high:g}, not {str(value)[:60]}")
    return float(value)
