"""Blurred images from consecutive frames of a video or a folder, in GoPro's layout, as Nah, Kim, Lee (2017) made it."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.core.images import ImageFile, to_float, to_uint8, write
from darkroom.data.image_set import ImageSet
from darkroom.operators.linear_light import GAMMA, mean_of_frames

Frame = UInt8[Tensor, "3 height width"]


def read_video(path: Path) -> Iterator[Frame]:
    """The frames of a video, one by one.

    Raises:
        DarkroomError: imageio-ffmpeg is not installed, or the file cannot be read.
    """
    try:
        from imageio_ffmpeg import read_frames
    except ImportError as error:
        raise DarkroomError(f"videos need imageio-ffmpeg: {install('view')}") from error
    if not path.is_file():
        raise DarkroomError(f"no video at {path}")
    try:
        frames = read_frames(str(path), pix_fmt="rgb24")
        width, height = next(frames)["size"]
        for content in frames:
            yield torch.frombuffer(bytearray(content), dtype=torch.uint8).view(height, width, 3).permute(2, 0, 1)
    except (OSError, RuntimeError, KeyError, StopIteration) as error:
        raise DarkroomError(
            f"{path} cannot be read as a video ({(str(error).splitlines() or ['no frames'])[-1].strip()})"
        ) from error


def read_folder(path: Path) -> Iterator[Frame]:
    """The images of a folder in the order of their names.

    Raises:
        DarkroomError: there are none, or their sizes differ.
    """
    images = ImageSet.from_path(path)
    first: Tensor | None = None
    for name, frame in zip(images.names, images, strict=True):
        first = frame if first is None else first
        if frame.shape != first.shape:
            raise DarkroomError(
                f"{images.files[name]} has {frame.shape[2]}x{frame.shape[1]} pixels and the first frame {first.shape[2]}x{first.shape[1]}"
            )
        yield frame


def read_frames_of(path: Path) -> Iterator[Frame]:
    """The frames of a video, or of a folder or zip file of images."""
    return read_folder(path) if path.is_dir() or path.suffix.lower() == ".zip" else read_video(path)


def windows(frames: Iterable[Frame], count: int, step: int) -> Iterator[UInt8[Tensor, "frame 3 height width"]]:
    """`count` consecutive frames, from every `step`-th frame on.

    Example:
        >>> numbered = (torch.full((3, 1, 1), n, dtype=torch.uint8) for n in range(8))
        >>> [window[:, 0, 0, 0].tolist() for window in windows(numbered, 3, 4)]
        [[0, 1, 2], [4, 5, 6]]
    """
    held: list[Tensor] = []
    for number, frame in enumerate(frames):
        held = [*held, frame][-count:]
        if number + 1 >= count and (number + 1 - count) % step == 0:
            yield torch.stack(held)


def interpolated(frames: Float[Tensor, "frame 3 height width"], between: int) -> Float[Tensor, "more 3 height width"]:
    """The frames with `between` more between any two, along the optical flow (TV-L1 of scikit-image) from one to the next.

    At t between frames a and b, a is warped by t times the flow and b by 1 − t times the opposite, and both are blended. It closes the
    gaps of fast motion, where an average shows separate copies.

    Raises:
        DarkroomError: scikit-image is not installed.
    """
    try:
        from skimage.registration import optical_flow_tvl1
    except ImportError as error:
        raise DarkroomError(f"frames between frames need scikit-image: {install('classical')}") from error
    found = [frames[0]]
    for a, b in itertools.pairwise(frames):
        flow = torch.from_numpy(optical_flow_tvl1(a.mean(0).numpy(), b.mean(0).numpy())).float()  # b(p + flow) = a(p)
        for number in range(1, between + 1):
            t = number / (between + 1)
            found.append((1 - t) * _moved(a, -t * flow) + t * _moved(b, (1 - t) * flow))
        found.append(b)
    return torch.stack(found)


def write_pairs(
    source: Path,
    folder: Path,
    *,
    frames: int = 11,
    step: int = 0,
    gamma: float = GAMMA,
    interpolate: int = 0,
    progress: Callable[[Iterable[Tensor]], Iterable[Tensor]] = iter,
) -> int:
    """Write `blur/NUMBER.png` (mean of the coded values), `blur_gamma` (mean of linear light) and `sharp` (the frame in the middle).

    Args:
        source: a video, or a folder of frames in the order of their names.
        folder: of the scene.
        frames: that each image averages, odd; 7 to 13 in GoPro.
        step: from one image's first frame to the next one's; 0 for `frames`, without overlap.
        gamma: γ of `blur_gamma`.
        interpolate: frames that are put between any two.
        progress: wraps the windows.

    Returns:
        The number of pairs.

    Raises:
        DarkroomError: the source is missing or broken, has too few frames, or `frames` is even.
    """
    if frames < 3 or frames % 2 == 0:
        raise DarkroomError(f"--frames {frames}: an odd number from 3 on, so that there is a frame in the middle")
    done = 0
    for window in progress(windows(read_frames_of(source), frames, step or frames)):
        light = to_float(window)
        averaged = interpolated(light, interpolate) if interpolate else light
        name = f"{done * (step or frames) + frames // 2 + 1:06d}.png"
        for kind, exponent in (("blur", 1.0), ("blur_gamma", gamma)):
            write(folder / kind / name, ImageFile(to_float(to_uint8(mean_of_frames(averaged, exponent)))))
        write(folder / "sharp" / name, ImageFile(light[frames // 2]))
        done += 1
    if not done:
        raise DarkroomError(f"{source} has fewer than {frames} frames: take a longer video, or fewer --frames")
    return done


def _moved(image: Float[Tensor, "3 height width"], flow: Float[Tensor, "2 height width"]) -> Float[Tensor, "3 height width"]:
    """x(p + flow(p)), bilinear; edges are replicated."""
    height, width = image.shape[1:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([2 * (columns + flow[1]) / max(width - 1, 1) - 1, 2 * (rows + flow[0]) / max(height - 1, 1) - 1], dim=-1)
    return torch.nn.functional.grid_sample(image[None], grid[None], padding_mode="border", align_corners=True)[0]
