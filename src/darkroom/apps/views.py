"""Views of a trained scene as files: images of given cameras, and videos along a camera path, with colour and depth."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from darkroom.core.colour_maps import colours_of
from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.core.files import replacing
from darkroom.core.images import ImageFile, to_uint8, write
from darkroom.methods.radiance import RadianceMethod
from darkroom.radiance.cameras import Camera
from darkroom.radiance.scenes import View

Progress = Callable[[Sequence[Any]], Iterable[Any]]
"""Iterates over items and reports progress."""


def write_images(method: RadianceMethod, views: Sequence[View], folder: Path, progress: Progress = iter) -> None:
    """Write `<folder>/<name>.png` and `<folder>/depth/<name>.png` for every view.

    Raises:
        DarkroomError: the disk is full; files already written are complete.
    """
    for view in progress(views):
        colour, depth, opacity = method.view(view.camera)
        write(folder / f"{view.name}.png", ImageFile(colour.clamp(0, 1).cpu()))
        write(folder / "depth" / f"{view.name}.png", ImageFile(depth_map(depth, opacity, method)))


def write_video(
    method: RadianceMethod, cameras: Sequence[Camera], output: Path, fps: int = 24, progress: Progress = iter
) -> Path:
    """Write `output` and, beside it, `<name>_depth.mp4`; returns the latter. Sizes are rounded down to even numbers.

    Raises:
        DarkroomError: imageio-ffmpeg is not installed, the name does not end with .mp4, or the disk is full.
    """
    try:
        from imageio_ffmpeg import write_frames
    except ImportError as error:
        raise DarkroomError(f"videos need imageio-ffmpeg: {install('view')}") from error
    if output.suffix.lower() != ".mp4":
        raise DarkroomError(f"the name of a video ends with .mp4, given {output.name}")
    depth_output = output.with_name(f"{output.stem}_depth.mp4")
    cameras = [camera.resized(camera.width // 2 * 2, camera.height // 2 * 2) for camera in cameras]
    size = (cameras[0].width, cameras[0].height)
    with replacing(output) as colour_file, replacing(depth_output) as depth_file:
        writers = [
            write_frames(str(path), size, fps=fps, macro_block_size=2, quality=8, output_params=["-f", "mp4"])
            for path in (colour_file, depth_file)
        ]
        for writer in writers:
            writer.send(None)
        for camera in progress(cameras):
            colour, depth, opacity = method.view(camera)
            for writer, frame in zip(writers, (colour.cpu(), depth_map(depth, opacity, method)), strict=True):
                writer.send(to_uint8(frame.clamp(0, 1)).permute(1, 2, 0).contiguous().numpy())
        for writer in writers:
            writer.close()
    return depth_output


def depth_map(depth: Float[Tensor, "1 h w"], opacity: Float[Tensor, "1 h w"], method: RadianceMethod) -> Float[Tensor, "3 h w"]:
    """Depth as colour (matplotlib's inferno): near is bright, far is dark, transparent is black.

    Args:
        depth, opacity: as `RadianceMethod.view` gives them, depth times opacity.
        method: its near and far are the range.
    """
    near, far = method.space.near, method.space.far
    t = depth / opacity.clamp(min=1e-6)
    value = (1 - (t - near) / (far - near)).clamp(0, 1) * opacity
    return colours_of(value[0], "inferno")
