"""`darkroom data`."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich import box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from darkroom.cli.parse import parse
from darkroom.cli.progress import counted
from darkroom.core.errors import DarkroomError
from darkroom.core.paths import data_root
from darkroom.data import download
from darkroom.data import noisy_pairs as pairing
from darkroom.data.catalogue import CATALOGUE, Entry, entry
from darkroom.data.named_sets import named
from darkroom.operators.noise import Blocky, Gaussian
from darkroom.radiance import blender, motion, tabletop
from darkroom.radiance.alignment import compared
from darkroom.radiance.lens import displacement
from darkroom.radiance.motion import Lens, Matching


def command(arguments: list[str]) -> None:
    """Datasets: list, get, check, make; poses of photographs."""

    def show() -> None:
        """Show what can be downloaded, and what is there.

        Example: darkroom data list
        """
        Console().print(datasets())

    def get(name: Annotated[str, tyro.conf.Positional]) -> None:
        """Download a dataset, verify it and unpack it below the data root ($DARKROOM_DATA).

        Example: darkroom data get bsds500

        Args:
            name: A name from `darkroom data list`.
        """
        wanted = entry(name)
        print(f"{wanted.title}: {_size(wanted)} from {wanted.address}\nlicence: {wanted.licence}\ncite: {wanted.citation}")
        with _DownloadBar(wanted.title) as bar:
            print(f"in {download.get(wanted, progress=bar, say=print)}")

    def check(name: Annotated[str, tyro.conf.Positional]) -> None:
        """Count a dataset's images and decode every one of them.

        Example: darkroom data check bsds500

        Args:
            name: A name from `darkroom data list`.
        """
        wanted = entry(name)
        count = wanted.check()
        print(f"{wanted.title}: complete, {count} readable images in {wanted.place()}")

    if arguments[:1] == ["make"]:
        _make(arguments[1:])
    else:
        commands: dict[str, Callable[..., None]] = {"list": show, "get": get, "check": check, "make": _make, "poses": _poses}
        _chosen(commands, arguments, "data", "data get bsds500")


def _poses(
    folder: Annotated[Path, tyro.conf.Positional],
    matching: Matching = "auto",
    lens: Lens = "auto",
    known: Path | None = None,
    seed: int = 0,
) -> None:
    """Find where photographs were taken (structure from motion by COLMAP), and write transforms.json beside them.

    The photographs, all of one camera, lie in FOLDER, FOLDER/images or FOLDER/train. If their lens distorts, copies without
    distortion are written to FOLDER/undistorted. Afterwards: darkroom train dvgo photographs --scene FOLDER

    Example: darkroom data poses my/photos

    Args:
        folder: The photographs.
        matching: exhaustive compares all with all, sequential neighbours by name; auto takes the latter for more than 80.
        lens: radial estimates how the lens distorts; pinhole does not; auto does, but for images with transparent parts.
        known: A folder whose transforms files tell where the same photographs were taken: print how far off the found are.
        seed: Of the sampling; results still vary a little.
    """
    photographs = motion.photographs_of(folder)
    found = motion.structure_from_motion(photographs, matching, lens, say=lambda line: print(line, flush=True), seed=seed)
    target = motion.write(folder, found, lambda views: counted("images undistorted", views, len(found.views)))
    print(
        f"{len(found.views)} of {len(photographs)} photographs found their place; reprojection error {found.error:.2f} pixels"
    )
    if found.distortion:
        moved = displacement(found.views[0].camera, found.distortion)
        print(f"the lens distorts: k = {found.distortion:+.4f}, which moves the corners by {moved:.1f} pixels")
    if found.missing:
        print(
            f"without a place: {', '.join(found.missing[:5])}{' ...' if len(found.missing) > 5 else ''}. What helps: more "
            "photographs between them and the others, less blur"
            + ("; --matching exhaustive" if found.matching == "sequential" else "")
        )
    print(target)
    if known is not None:
        errors = compared(found.views, [view for views in blender.scene(known).views.values() for view in views])
        table = Table("compared with known poses", f"{errors.compared} cameras", box=box.SIMPLE_HEAD)
        table.add_row("centres, mean distance", f"{errors.centre:.2%} of the cameras' spread")
        table.add_row("rotations, mean angle", f"{errors.rotation:.2f} degrees")
        table.add_row("common rotation", f"{errors.common:.2f} degrees")
        table.add_row("focal length", f"{errors.focal[0]:.1f}, known {errors.focal[1]:.1f} pixels")
        table.add_row("principal point", f"{errors.principal[0]:+.1f}, {errors.principal[1]:+.1f} pixels off")
        Console().print(table)


def _make(arguments: list[str]) -> None:
    """Data that is made here: noisy pairs, a scene."""

    def scene(
        output: Annotated[Path, tyro.conf.arg(aliases=("-o",))],
        views: int = 30,
        size: int = 100,
        held_out: int = 8,
    ) -> None:
        """Ray-trace a small scene with exact poses and opacity, in the layout of the NeRF paper's synthetic data.

        Example: darkroom data make scene -o tabletop --views 60 --size 400

        Args:
            output: The folder to write.
            views: To learn from.
            size: Width and height of the images.
            held_out: Views to validate, and as many to evaluation by.
        """
        total = views + 2 * held_out
        tabletop.write(output, views, size, held_out, progress=lambda cameras: counted("views", cameras, total))
        print(f"{output}: {views} + {held_out} + {held_out} views of {size}x{size} pixels")

    def noisy_pairs(
        from_: Annotated[str, tyro.conf.arg(name="from")],
        output: Annotated[Path, tyro.conf.arg(aliases=("-o",))],
        count: int = 50_000,
        size: int = 32,
        noise: Literal["blocky", "white"] = "blocky",
        targets: Literal["noisy", "clean"] = "noisy",
        seed: int = 0,
    ) -> None:
        """Make pairs of small images, two noisy copies each (or a noisy and a clean one), in one file.

        A small image is a random square of an image of the folder, of any side from SIZE up to the whole image,
        reduced to SIZE x SIZE pixels. Each copy has noise of its own, zero-mean Gaussian, and is then clipped and rounded
        to 8 bits: "blocky" adds to every pixel a number of deviation 25 and to every square of 2x2, 4x4 and 8x8
        pixels one of deviation 15 (0-255 scale); "white" adds to every pixel a number of deviation 25.
        torch.load(OUTPUT, weights_only=True) gives the two uint8 tensors (COUNT, 3, SIZE, SIZE).

        Example: darkroom data make noisy-pairs --from my/photos -o train_data.pkl

        Example: darkroom data make noisy-pairs --from bsd68 --targets clean --count 1000 -o val_data.pkl

        Args:
            from_: A folder of images, or a known set: embedded, embedded-heldout, bsds500 (all but BSD68), bsd68 and the like.
            output: The file to write.
            count: How many pairs.
            size: Side of the small images.
            noise: The noise model; see above.
            targets: noisy to learn from, clean to be evaluated by.
            seed: Example n depends on it and on n alone.
        """
        images = named(from_)
        len(images)
        model = Blocky(((1, 25.0), (2, 15.0), (4, 15.0), (8, 15.0))) if noise == "blocky" else Gaussian(25.0)
        pairs = pairing.noisy_pairs(
            images,
            model,
            count=count,
            size=size,
            targets=targets,
            seed=seed,
            progress=lambda numbers: counted("pairs", numbers, count),
        )
        pairing.write(output, pairs)
        print(f"{output}: {count} pairs of {size}x{size} pixels from {len(images)} images, noise {noise}, targets {targets}")

    _chosen(
        {"noisy-pairs": noisy_pairs, "scene": scene},
        arguments,
        "data make",
        "data make noisy-pairs --from my/photos -o train_data.pkl",
    )


def _chosen(commands: Mapping[str, Callable[..., None]], arguments: list[str], command: str, example: str) -> None:
    """Run the one of several commands that the first word names, with what follows it."""
    usage = "\n".join(f"  {name:14}{(found.__doc__ or '').splitlines()[0]}" for name, found in commands.items())
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"usage: darkroom {command} COMMAND [options]\n\n{usage}\n\nExample: darkroom {example}")
    elif not arguments or arguments[0] not in commands:
        given = " ".join(arguments) or "nothing"
        raise DarkroomError(
            f"darkroom {command} needs one of {', '.join(commands)}; given {given} (example: darkroom {example})"
        )
    else:
        parse(commands[arguments[0]], arguments[1:], f"{command} {arguments[0]}")


def datasets() -> Table:
    """What can be downloaded, and what is there."""
    table = Table(
        "name", "what", "size", "licence", "here", title=f"below {data_root()}", title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_row("embedded", "photographs of scikit-image and scikit-learn", "", "free", "yes")
    for found in CATALOGUE.values():
        here = "yes" if found.place().is_dir() else "no"
        table.add_row(found.name, found.citation, _size(found), found.licence, here)
    return table


def _size(found: Entry) -> str:
    if found.megabytes is None or found.minutes is None:
        return "size not known"
    return f"{found.megabytes} MB, {found.minutes:.1f} min at 20 Mbit/s"


class _DownloadBar:
    """A rich bar that speaks as pooch asks."""

    def __init__(self, title: str) -> None:
        console = Console(stderr=True)
        self.bar = Progress(
            TextColumn(title),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task(title, total=None)
        self.total = 0

    def __enter__(self) -> "_DownloadBar":
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def update(self, amount: int) -> None:
        self.bar.update(self.task, advance=amount, total=self.total or None)

    def reset(self) -> None:
        self.bar.reset(self.task)

    def close(self) -> None:
        sys.stderr.flush()
