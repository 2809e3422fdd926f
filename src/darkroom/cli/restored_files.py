"""Restoration of files with a line for each, by one process or several: what `darkroom restore` and `apply` share."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.cli.progress import Bars
from darkroom.core.errors import DarkroomError
from darkroom.core.paths import printable
from darkroom.workflows.options import Accelerator
from darkroom.workflows.processes import place

if TYPE_CHECKING:
    from darkroom.engine.restore_files import ImageRestorer, RestoredFile


def restore_shown(
    sources: Sequence[Path],
    output: Path | None,
    restorer: "ImageRestorer",
    made_by: str,
    accelerator: Accelerator,
    *,
    unit: str = "tiles",
    remark: "Callable[[RestoredFile], str]" = lambda file: "",
) -> None:
    """Restore files and folders, show progress, and say what became of each file.

    Args:
        sources, output, restorer, made_by: see `workflows.restore.restore_files`.
        accelerator: for the words about the device.
        unit: of the progress of one image.
        remark: a further line about a restored file, or nothing.

    Raises:
        DarkroomError: nothing can be restored, or some files could not be; these were named.
    """
    from darkroom.data.image_set import skipped_below
    from darkroom.workflows.restore import restore_files

    finished: list[RestoredFile] = []
    with Bars() as bars:

        def show(file: "RestoredFile", total: int) -> None:
            finished.append(file)
            bars.show("images", len(finished), total)
            for line in () if file.before else filter(None, (spelled(file), "" if file.error else remark(file))):
                bars.say(line)

        of_an_image = partial(bars.show, unit)
        restore_files(sources, output, restorer, progress=of_an_image, finished=show, made_by=made_by)
        for path in [path for source in sources if source.is_dir() for path in skipped_below(source)]:
            bars.say(f"not an image, left out: {printable(str(path))}")
        bars.say(_summary(finished, restorer, accelerator))
    if failed := sum(file.error is not None for file in finished):
        raise DarkroomError(f"{failed} of {len(finished)} images could not be restored; the reasons are given above")


def _summary(finished: "Sequence[RestoredFile]", restorer: "ImageRestorer", accelerator: Accelerator) -> str:
    from darkroom.engine.devices import choose_device, device_name

    here, before = place(), sum(file.before for file in finished)
    restored = sum(file.error is None for file in finished) - before
    words = f"{restored} of {len(finished)} images restored"
    if here.processes > 1:
        words = f"process {here.number + 1} of {here.processes}: {words}"
    if restored:
        words += f" in {restorer.arithmetic} on {device_name(choose_device(accelerator))}"
    return f"{words}, {before} were restored before" if before else words


def spelled(file: "RestoredFile") -> str:
    """The line about a file."""
    words = (
        f"darkroom: skipped {file.error}" if file.error else f"{printable(str(file.source))} -> {printable(str(file.output))}"
    )
    return f"{words} ({file.remark})" if file.remark else words


def counted_below(sources: Sequence[Path]) -> int:
    """The number of images in files and folders."""
    from darkroom.data.image_set import files_below

    return sum(len(files_below(source)) if source.is_dir() else 1 for source in sources)
