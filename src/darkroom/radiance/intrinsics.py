"""The camera and the lens of a frame, as the transforms files of Blender, instant-ngp and nerfstudio state them."""

import math
from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.radiance.cameras import Camera
from darkroom.radiance.lens import Lens

MODELS = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE")
"""Camera models that are read."""

_ENTRIES = {
    "mask_path": "masks of single photographs",
    "mask_color": "colours that stand for transparency",
    "white_transparent": "colours that stand for transparency",
    "black_transparent": "colours that stand for transparency",
    "rolling_shutter": "the motion of a rolling shutter",
    "fisheye_crop_radius": "cropping circles out of fisheye photographs",
    "from_na": "the axes of instant-ngp's from_na",
    "is_latlong": "panoramas",
    "is_equirectangular": "panoramas",
    "ftheta_p0": "the lens model f-theta",
    "ftheta_p1": "the lens model f-theta",
    "k5": "a rational lens model",
    "k6": "a rational lens model",
    "x_fov": "x_fov (give camera_angle_x in radians)",
    "y_fov": "y_fov (give camera_angle_y in radians)",
}
"""What is not read, and would change the result."""

_LENS = ("k1", "k2", "k3", "k4", "p1", "p2")


def refuse_unknown(at: str, entries: Mapping[str, Any]) -> None:
    """Check that nothing is stated of cameras that would have to be ignored.

    Args:
        at: begins the message.
        entries: of a file or of a frame.

    Raises:
        DarkroomError: there is; the entry is named.
    """
    for key, meaning in _ENTRIES.items():
        value = entries.get(key)
        if any(value) if isinstance(value, list) else value:
            raise DarkroomError(f"{at}{key} is not supported: Darkroom does not read {meaning}. Remove the entry to do without")
    model = entries.get("camera_model", MODELS[0])
    if model not in MODELS:
        raise DarkroomError(f"{at}camera_model {str(model)[:60]!r} is not supported; read are {', '.join(MODELS)}")


def lens_of(at: str, entries: Mapping[str, Any]) -> Lens:
    """The lens of a frame.

    Args:
        at: begins the message.
        entries: of the frame, and of its file where the frame has none.

    Raises:
        DarkroomError: it has a coefficient that its model does not.
    """
    fisheye = bool(entries.get("is_fisheye")) or entries.get("camera_model") == "OPENCV_FISHEYE"
    lens = Lens(**{key: float(entries.get(key, 0.0)) for key in _LENS}, fisheye=fisheye)
    surplus = [key for key in (("p1", "p2") if fisheye else ("k4",)) if getattr(lens, key)]
    if surplus:
        kind = "a fisheye lens" if fisheye else "a lens that is no fisheye"
        raise DarkroomError(f"{at}{surplus[0]} {getattr(lens, surplus[0]):g} is not a coefficient of {kind}")
    return lens


def camera_of(
    at: str, content: Mapping[str, Any], frame: Mapping[str, Any], size: tuple[int, int] | None, pose: Float[Tensor, "3 4"]
) -> Camera:
    """The camera of a frame, without the distortion of its lens.

    Args:
        at: begins the message.
        content: entries for all frames.
        frame: entries of this one, which come first.
        size: width and height of its image, to which the entries are scaled; None without an image.
        pose: camera to world.

    Raises:
        DarkroomError: the image has another aspect ratio than the frame.
    """
    entries = {**content, **frame}
    stated = tuple(int(entries.get(key, given)) for key, given in zip(("w", "h"), size or (800, 800), strict=True))
    width, height = size or stated
    if abs(width * stated[1] - height * stated[0]) > 2 * max(*stated, width, height):
        raise DarkroomError(f"{at}its image has {width}x{height} pixels, but w and h are {stated[0]} and {stated[1]}")
    across, down = width / stated[0], height / stated[1]
    fx, fy = _focal(content, frame, stated)
    cx, cy = (float(entries.get(key, side / 2)) for key, side in zip(("cx", "cy"), stated, strict=True))
    return Camera(width, height, fx * across, fy * down, cx * across, cy * down, pose)


def _focal(content: Mapping[str, Any], frame: Mapping[str, Any], size: tuple[int, ...]) -> tuple[float, float]:
    """Focal lengths in pixels; where a frame has its own, the file's do not count. Lengths come before angles."""
    entries = frame if {"fl_x", "camera_angle_x"} & frame.keys() else {**content, **frame}
    if "fl_x" in entries:
        fx = float(entries["fl_x"])
        return fx, float(entries.get("fl_y", fx))
    across, down = (float(entries.get(f"camera_angle_{axis}", 0.0)) for axis in "xy")
    fx = 0.5 * size[0] / math.tan(0.5 * across)
    return fx, float(entries.get("fl_y", 0.5 * size[1] / math.tan(0.5 * down) if down else fx))
