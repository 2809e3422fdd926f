"""`darkroom data make`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from darkroom.cli.data_make_blur import frame_blur, shaken
from darkroom.cli.parse import parse
from darkroom.cli.progress import counted
from darkroom.cli.subcommands import choose
from darkroom.recipes.ranges import AT_LEAST_1, SETTINGS


def command(arguments: list[str]) -> None:
    """Make data: noisy pairs, shaken photographs, a scene."""
    example = "data make noisy-pairs --from my/photos -o train_data.pkl"
    commands = {"noisy-pairs": _noisy_pairs, "shaken": shaken, "frame-blur": frame_blur, "scene": _scene}
    choose(commands, arguments, "data make", example)


@dataclass
class Scene:
    """Ray-trace a small scene with exact poses and opacity, in the layout of the NeRF paper's synthetic data.

    Example: darkroom data make scene -o tabletop --views 60 --size 400
    """

    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """The folder to write."""
    views: Annotated[int, AT_LEAST_1] = 30
    """Number of training views."""
    size: Annotated[int, AT_LEAST_1] = 100
    """Width and height of the images."""
    held_out: Annotated[int, AT_LEAST_1] = 8
    """Number of validation views, and of test views."""


def _scene(arguments: list[str]) -> None:
    """Ray-trace a small scene in the layout of the NeRF paper's synthetic data."""
    given = parse(Scene, arguments, "data make scene")
    from darkroom.radiance import tabletop

    views, size, held_out = given.views, given.size, given.held_out
    total = views + 2 * held_out
    tabletop.write(given.output, views, size, held_out, progress=lambda cameras: counted("views", cameras, total))
    print(f"{given.output}: {views} + {held_out} + {held_out} views of {size}x{size} pixels")


@dataclass
class NoisyPairs:
    """Make pairs of small images, two noisy copies each (or a noisy and a clean one), in one file.

    A small image is a random square crop of an image, of any side from SIZE up to the whole image, downscaled to SIZE x SIZE
    pixels. Each copy has independent zero-mean Gaussian noise, and is then clipped and rounded to 8 bits: "blocky" adds noise of
    standard deviation 25 to every pixel, and of standard deviation 15 to every block of 2x2, 4x4 and 8x8 pixels (0-255 scale);
    "white" adds noise of standard deviation 25 to every pixel. torch.load(OUTPUT, weights_only=True) gives the two uint8 tensors
    (COUNT, 3, SIZE, SIZE).

    Example: darkroom data make noisy-pairs --from my/photos -o train_data.pkl

    Example: darkroom data make noisy-pairs --from bsd68 --targets clean --count 1000 -o val_data.pkl
    """

    from_: Annotated[str, tyro.conf.arg(name="from")]
    """A folder or zip file of images, or a known set: embedded, embedded-heldout, bsds500 (all but BSD68), bsd68 and the like."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """The file to write."""
    count: Annotated[int, AT_LEAST_1] = 50_000
    """Number of pairs."""
    size: Annotated[int, AT_LEAST_1] = 32
    """Side of the small images."""
    noise: Literal["blocky", "white"] = "blocky"
    """The noise model; see above."""
    targets: Literal["noisy", "clean"] = "noisy"
    """noisy for training, clean for evaluation."""
    seed: Annotated[int, SETTINGS["seed"]] = 0
    """Pair n depends on it and on n alone."""


def _noisy_pairs(arguments: list[str]) -> None:
    """Make pairs of small noisy images in one file."""
    given = parse(NoisyPairs, arguments, "data make noisy-pairs")
    from darkroom.data import noisy_pairs
    from darkroom.data.named_sets import named
    from darkroom.operators.noise import Blocky, Gaussian

    images = named(given.from_)
    images.open()
    noise = Blocky(((1, 25.0), (2, 15.0), (4, 15.0), (8, 15.0))) if given.noise == "blocky" else Gaussian(25.0)
    pairs = noisy_pairs.noisy_pairs(
        images,
        noise,
        count=given.count,
        size=given.size,
        targets=given.targets,
        seed=given.seed,
        progress=lambda numbers: counted("pairs", numbers, given.count),
    )
    noisy_pairs.write(given.output, pairs)
    print(
        f"{given.output}: {given.count} pairs of {given.size}x{given.size} pixels from {len(images)} images, "
        f"noise {given.noise}, targets {given.targets}"
    )
