"""`darkroom restore`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from darkroom.cli.parse import parse
from darkroom.cli.progress import Bars
from darkroom.core.errors import DarkroomError
from darkroom.core.paths import printable
from darkroom.core.threads import Threads
from darkroom.recipes.ranges import MEMORY, SHARE, THREADS
from darkroom.workflows.options import Accelerator, Precision

if TYPE_CHECKING:
    from darkroom.engine.restore_files import RestoredFile


@dataclass
class Restore:
    """Restore photographs with the networks that are part of Darkroom: nothing to train, nothing to download.

    Noise and the artefacts of JPEG are removed, by the network that fits each image; the line about it says which. Size, bit depth,
    transparency, metadata and folders are kept. For weights of your own there is `darkroom apply`.

    Example: darkroom restore photo.jpg

    Example: darkroom restore photos/ -o restored/ --strength 0.7

    Example: darkroom restore photo.jpg --task denoise -o clean.png
    """

    source: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Images or folders of images."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=("-o",))] = None
    """A file for a file, a folder for a folder; by default photo_restored.jpg beside photo.jpg. No input is overwritten."""
    task: Literal["auto", "denoise", "jpeg"] = "auto"
    """What is done; auto chooses between denoise and jpeg for each image. See `darkroom models`."""
    strength: Annotated[float, SHARE] = 1.0
    """Share of the correction that is applied."""
    memory: Annotated[int, MEMORY] = 512
    """MiB that the network's activations may take; larger images are restored in tiles."""
    precision: Precision = "auto"
    """int8 is fastest on most CPUs; the first time a network is prepared for it, which takes seconds. auto takes int8 where it was
    prepared, else bfloat16 where that is fast; both only after a check on these weights."""
    accelerator: Accelerator = "auto"
    """Device to compute on."""
    threads: Annotated[int | None, THREADS] = None
    """CPU threads; by default as many as are free."""


def command(arguments: list[str]) -> None:
    """Restore photographs with the networks that are part of Darkroom."""
    given = parse(Restore, arguments, "restore")
    threads = Threads(given.threads)
    threads.watch()
    if not given.source:
        raise DarkroomError("which image? For example: darkroom restore photo.jpg")
    for path in given.source:
        if not path.exists():
            raise DarkroomError(f"no image or folder at {printable(str(path))}")
    from darkroom.engine.devices import choose_device, device_name
    from darkroom.engine.restore_files import plan_beside, plan_files, restore_files
    from darkroom.workflows.restore import make_restorer

    threads.begin()
    pairs = plan_files(given.source, given.output) if given.output is not None else plan_beside(given.source)
    restorer = make_restorer(
        given.task, strength=given.strength, memory=given.memory, precision=given.precision, accelerator=given.accelerator
    )
    failed = 0
    with Bars() as bars:
        found = restore_files(restorer, pairs, lambda done, total: bars.show("tiles", done, total))
        for done, file in enumerate(found, 1):
            bars.show("images", done, len(pairs))
            bars.say(_spelled(file))
            failed += file.error is not None
        arithmetic = restorer.arithmetic if failed < len(pairs) else "float32"
        device = device_name(choose_device(given.accelerator))
        bars.say(f"{len(pairs) - failed} of {len(pairs)} images restored in {arithmetic} on {device}")
    if failed:
        raise DarkroomError(f"{failed} of {len(pairs)} images could not be restored; the reasons are given above")


def _spelled(file: "RestoredFile") -> str:
    if file.error:
        return f"darkroom: skipped {file.error}"
    return f"{printable(str(file.source))} -> {printable(str(file.output))}" + (f" ({file.remark})" if file.remark else "")
