"""`darkroom restore`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from darkroom.cli.parse import parse
from darkroom.cli.processes import run_in_several
from darkroom.cli.restored_files import counted_below, restore_shown
from darkroom.core.errors import DarkroomError
from darkroom.core.paths import printable
from darkroom.core.threads import Threads
from darkroom.recipes.ranges import MEMORY, PROCESSES, SHARE, THREADS, Range
from darkroom.workflows.options import Accelerator, Precision
from darkroom.workflows.processes import place


@dataclass
class Restore:
    """Restore photographs with the networks that are part of Darkroom: nothing to train, nothing to download.

    Noise and the artefacts of JPEG are removed, by the network that fits each image; the line about it says which. Size, bit depth,
    transparency, metadata and folders are kept. A folder that was interrupted is resumed by the same command. For weights of your own there is `darkroom apply`.

    Example: darkroom restore photo.jpg

    Example: darkroom restore photos/ -o restored/ --strength 0.7

    Example: darkroom restore photo.jpg --task denoise -o clean.png

    Example: darkroom restore photo.png --task enlarge_2 -o larger.png
    """

    source: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Images or folders of images."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=("-o",))] = None
    """A file for a file, a folder for a folder; by default photo_restored.jpg beside photo.jpg. No input is overwritten."""
    task: Literal["auto", "denoise", "jpeg", "deblur", "enlarge_2", "enlarge_4", "enlarge_2_jpeg", "enlarge_4_jpeg"] = "auto"
    """What is done; auto chooses between denoise and jpeg for each image. See `darkroom models`."""
    strength: Annotated[float, SHARE] = 1.0
    """Share of the correction that is applied; not for enlarging."""
    memory: Annotated[int, MEMORY] = 512
    """MiB that the network's activations may take; larger images are restored in tiles."""
    precision: Precision = "auto"
    """int8 is fastest on most CPUs; the first time a network is prepared for it, which takes seconds. auto takes int8 where it was
    prepared, else bfloat16 where that is fast; both only after a check on these weights."""
    accelerator: Accelerator = "auto"
    """Device to compute on."""
    processes: Annotated[int | None, Range(1, PROCESSES)] = None
    """Processes that share the files of a folder; by default one for each GPU, and one on a CPU."""
    threads: Annotated[int | None, THREADS] = None
    """CPU threads of each process; by default as many as are free."""


def command(arguments: list[str]) -> None:
    """Restore photographs with the networks that are part of Darkroom."""
    given = parse(Restore, arguments, "restore")
    threads = Threads(given.threads, processes=place().processes)
    threads.watch()
    if not given.source:
        raise DarkroomError("which image? For example: darkroom restore photo.jpg")
    for path in given.source:
        if not path.exists():
            raise DarkroomError(f"no image or folder at {printable(str(path))}")
    if run_in_several(given.processes, given.accelerator, counted_below(given.source)):
        return
    from darkroom.workflows.restore import identity, make_restorer

    threads.begin()
    options = {name: getattr(given, name) for name in ("strength", "memory", "precision", "accelerator")}
    restorer, made_by = make_restorer(given.task, **options), identity(given.task, **options)
    restore_shown(given.source, given.output, restorer, made_by, given.accelerator)
