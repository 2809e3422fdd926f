"""What the page in the browser does with images: jobs of limited size that report progress and can be stopped."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.engine.restore_files import ImageRestorer, RestoredFile, plan_files, restore_files
from darkroom.operators.resample import upscale

MAX_IMAGES = 20
"""Images of one job."""

MAX_MEGABYTES = 50
"""Size of an uploaded file."""

KEPT_SECONDS = 3600
"""After so long results are deleted."""

PREVIEW_SIDE = 1600
"""Longest side of the images that the page shows; files to download have all pixels."""


class Stopped(Exception):
    """The user stopped the job."""


@dataclass(frozen=True)
class Shown:
    """A restored image of the page.

    Args:
        name: of the uploaded file.
        before, after: images to compare, of one size, at most `PREVIEW_SIDE` pixels wide or high.
        file: the restored file in full size.
        remark: what could not be kept of the file; empty if nothing was lost.
    """

    name: str
    before: Path
    after: Path
    file: Path
    remark: str = ""


@dataclass
class Jobs:
    """The jobs of all visitors: each has a folder of its own below a temporary one, and one job at a time.

    Args:
        folder: where results are kept until `close`, at most `KEPT_SECONDS`.

    Example:
        >>> jobs = Jobs()
        >>> jobs.begin("a visitor").is_dir(), jobs.stop("a visitor"), jobs.close()
        (True, None, None)
    """

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="darkroom-app-")))
    _stopped: dict[str, threading.Event] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, visitor: str) -> Path:
        """A new folder for a visitor's job; folders that are older than `KEPT_SECONDS` are deleted."""
        with self._lock:
            self._stopped[visitor] = threading.Event()
        for old in self.folder.iterdir():
            with suppress(OSError):
                if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                    shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self.folder))

    def stop(self, visitor: str) -> None:
        """Stop a visitor's job at the next tile."""
        with self._lock:
            if visitor in self._stopped:
                self._stopped[visitor].set()

    def check(self, visitor: str) -> None:
        """Raise if the visitor's job was stopped.

        Raises:
            Stopped: it was.
        """
        if self._stopped[visitor].is_set():
            raise Stopped

    def end(self, visitor: str) -> None:
        """Forget a visitor whose job has ended; the results are kept."""
        with self._lock:
            self._stopped.pop(visitor, None)

    def close(self) -> None:
        """Delete all results."""
        shutil.rmtree(self.folder, ignore_errors=True)


def restore(
    sources: Sequence[Path],
    restorer: ImageRestorer,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Shown | DarkroomError]:
    """Restore uploaded files one after another; one that cannot be restored does not stop the others.

    Args:
        sources: the files, at most `MAX_IMAGES`.
        restorer: of images.
        folder: for the results.
        progress: called with the tiles that are done of an image, and their number; what it raises ends the job.

    Raises:
        DarkroomError: there are no files, or too many.
    """
    if not sources:
        raise DarkroomError("choose an image first")
    if len(sources) > MAX_IMAGES:
        raise DarkroomError(f"{len(sources)} images; at most {MAX_IMAGES} at once")
    for number, source in enumerate(sources):
        planned = plan_files([source], folder / str(number) / "restored")  # a folder each: names may be equal
        for file in restore_files(restorer, planned, progress):
            yield DarkroomError(f"{source.name}: {_cause(file)}") if file.error else _shown(file, folder / str(number))


def _cause(file: RestoredFile) -> str:
    """The reason without the server's path."""
    return (file.error or "").replace(str(file.source), "the file").removeprefix("the file: ")


def _shown(file: RestoredFile, folder: Path) -> Shown:
    before, after = images.read(file.source).pixels, images.read(file.output).pixels
    if after.shape[-1] != before.shape[-1]:
        before = upscale(before[None], after.shape[-1] // before.shape[-1])[0].clamp(0, 1)
    pair = []
    for role, image in (("before", before), ("after", after)):
        path = folder / f"{role}.png"
        images.write(path, images.ImageFile(_reduced(image)))
        pair.append(path)
    return Shown(file.source.name, pair[0], pair[1], file.output, file.remark)


def _reduced(image: torch.Tensor) -> torch.Tensor:
    """The image with at most `PREVIEW_SIDE` pixels a side."""
    longest = max(image.shape[-2:])
    if longest <= PREVIEW_SIDE:
        return image
    size = [max(1, round(side * PREVIEW_SIDE / longest)) for side in image.shape[-2:]]
    return torch.nn.functional.interpolate(image[None], size, mode="bilinear", antialias=True)[0].clamp(0, 1)
