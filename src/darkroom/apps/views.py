"""Views of a learned scene as files: images of given cameras, films of a flight, colour and depth."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.files import replacing
from darkroom.core.images import ImageFile, to_uint8, write
from darkroom.methods.radiance import RadianceMethod
from darkroom.radiance.cameras import Camera
from darkroom.radiance.scenes import View

Progress_ = Callable[[Sequence[Any]], Iterable[Any]]
"""Passes items through and shows how far it is."""


def images(method: RadianceMethod, views: Sequence[View], folder: Path, progress: Progress_ = iter) -> None:
    """Write `<folder>/<name>.png` and `<folder>/depth/<name>.png` for every view.

    Raises:
        DarkroomError: the disk is full; what was written is whole.
    """
    for view in progress(views):
        colour, depth, opacity = method.view(view.camera)
        write(folder / f"{view.name}.png", ImageFile(colour.clamp(0, 1).cpu()))
        write(folder / "depth" / f"{view.name}.png", ImageFile(shown_depth(depth, opacity, method)))


def film(method: RadianceMethod, cameras: Sequence[Camera], output: Path, rate: int = 24, progress: Progress_ = iter) -> Path:
    """Write `output` and, beside it, `<name>_depth.mp4`; returns the latter. Sizes are rounded down to even numbers.

    Raises:
        DarkroomError: imageio-ffmpeg is not installed, the name does not end with .mp4, or the disk is full.
    """
    try:
        from imageio_ffmpeg import write_frames
    except ImportError as error:
        raise DarkroomError("films need imageio-ffmpeg: pip install 'darkroom[view]'") from error
    if output.suffix.lower() != ".mp4":
        raise DarkroomError(f"a film's name ends with .mp4, given {output.name}")
    beside = output.with_name(f"{output.stem}_depth.mp4")
    cameras = [camera.resized(camera.width // 2 * 2, camera.height // 2 * 2) for camera in cameras]
    size = (cameras[0].width, cameras[0].height)
    with replacing(output) as one, replacing(beside) as other:
        writers = [
            write_frames(str(path), size, fps=rate, macro_block_size=2, quality=8, output_params=["-f", "mp4"])
            for path in (one, other)
        ]
        for writer in writers:
            writer.send(None)
        for camera in progress(cameras):
            colour, depth, opacity = method.view(camera)
            for writer, frame in zip(writers, (colour.cpu(), shown_depth(depth, opacity, method)), strict=True):
                writer.send(to_uint8(frame.clamp(0, 1)).permute(1, 2, 0).contiguous().numpy())
        for writer in writers:
            writer.close()
    return beside


def shown_depth(
    depth: Float[Tensor, "1 h w"], opacity: Float[Tensor, "1 h w"], method: RadianceMethod
) -> Float[Tensor, "3 h w"]:
    """Depth as a colour: near is bright, far is dark, nothing is black (matplotlib's inferno)."""
    from matplotlib import colormaps

    near, far = method.space.near, method.space.far
    t = depth / opacity.clamp(min=1e-6)
    share = (1 - (t - near) / (far - near)).clamp(0, 1) * opacity
    table = torch.from_numpy(colormaps["inferno"](range(256))[:, :3]).float()
    return table[(share[0].cpu() * 255).long()].permute(2, 0, 1).contiguous()
