"""`darkroom data make shaken` and `darkroom data make frame-blur`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from darkroom.cli.parse import parse
from darkroom.cli.progress import counted
from darkroom.recipes.ranges import ABOVE_0, AT_LEAST_0, AT_LEAST_1, SETTINGS, Range


@dataclass
class Shaken:
    """Blur photographs by random camera shake, in linear light: OUTPUT/blur and OUTPUT/sharp, files of the same names.

    Kernels are those of trajectories after Kupyn et al. 2018. Images become smaller by SUPPORT - 1 pixels: nothing is assumed
    beyond the border. With --segments above 1, up to so many segments of an image move differently; their shapes are drawn, or
    taken from label maps.

    Example: darkroom data make shaken --from my/photos -o shaken

    Example: darkroom data make shaken --from CamVid/train --label-maps CamVid/trainannot --segments 4 --support 33 -o shaken
    """

    from_: Annotated[str, tyro.conf.arg(name="from")]
    """A folder or zip file of images, or a known set: embedded, bsds500, bsd68 and the like."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """The folder to write."""
    segments: Annotated[int, AT_LEAST_1] = 1
    """Largest number of differently moving segments."""
    label_maps: Path | None = None
    """Folder of label maps of the same names, whose segments move differently; by default segments are drawn."""
    support: Annotated[int, Range(3, 255)] = 65
    """Side of the kernels, odd."""
    sigma: Annotated[float, AT_LEAST_0] = 0.0
    """Noise level (0-255 scale)."""
    gamma: Annotated[float, ABOVE_0] = 2.2
    """Between files and linear light."""
    seed: Annotated[int, SETTINGS["seed"]] = 0
    """An image's shake depends on it and on the image's name."""


def shaken(arguments: list[str]) -> None:
    """Blur photographs by random camera shake: pairs of files."""
    given = parse(Shaken, arguments, "data make shaken")
    from darkroom.core.images import read_ids
    from darkroom.data.image_set import ImageSet
    from darkroom.data.named_sets import named
    from darkroom.data.shaken_files import write_shaken
    from darkroom.operators.motion import CameraShake
    from darkroom.operators.shaken import ShakenPair

    images, pair = named(given.from_), ShakenPair(CameraShake(given.support), given.segments, given.sigma, given.gamma)
    labels = ImageSet.from_path(given.label_maps, read=read_ids) if given.label_maps else None
    count = write_shaken(
        images,
        given.output,
        pair,
        labels=labels,
        seed=given.seed,
        progress=lambda numbers: counted("images", numbers, len(images)),
    )
    print(f"{given.output}: {count} pairs in blur and sharp; {pair}")


@dataclass
class FrameBlur:
    """Average consecutive frames of a video, or of a folder of images: long exposures with their sharp frames, as GoPro's.

    OUTPUT is the folder of a scene, for example GoPro/train/MY_VIDEO; in it, blur has means of the coded values, blur_gamma
    means of linear light, and sharp the frame in the middle. Videos of 120 frames a second and more give smooth blur; others
    show separate copies of what moves fast, unless frames are interpolated along the optical flow (slow).

    Example: darkroom data make frame-blur --from clip.mp4 -o GoPro/train/clip

    Example: darkroom data make frame-blur --from frames/ -o GoPro/train/frames --frames 7 --interpolate 3
    """

    from_: Annotated[Path, tyro.conf.arg(name="from")]
    """A video, or a folder of images in the order of their names."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """The folder of the scene."""
    frames: Annotated[int, Range(3, 255)] = 11
    """Frames in an average, odd."""
    step: Annotated[int, AT_LEAST_0] = 0
    """Frames from one average to the next; by default as many as one has."""
    gamma: Annotated[float, ABOVE_0] = 2.2
    """Between frames and linear light, for blur_gamma."""
    interpolate: Annotated[int, Range(0, 64)] = 0
    """Frames to put between any two along the optical flow; 0 for none."""


def frame_blur(arguments: list[str]) -> None:
    """Average consecutive frames of a video or a folder: pairs in GoPro's layout."""
    given = parse(FrameBlur, arguments, "data make frame-blur")
    from darkroom.data.frame_blur import write_pairs

    count = write_pairs(
        given.from_,
        given.output,
        frames=given.frames,
        step=given.step,
        gamma=given.gamma,
        interpolate=given.interpolate,
    )
    print(f"{given.output}: {count} pairs of {given.frames} frames each in blur, blur_gamma and sharp")
