"""Restoration of image files: one file or a folder; a file that fails does not stop the others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.data.image_set import files_below
from darkroom.engine.blind_deblur import BlindDeblurrer
from darkroom.engine.deblur import Deblurrer
from darkroom.engine.photograph_restorer import PhotographRestorer
from darkroom.engine.restorer import Restorer

ImageRestorer = Restorer | Deblurrer | BlindDeblurrer | PhotographRestorer
"""What is called with an image and returns it restored."""


@dataclass(frozen=True)
class RestoredFile:
    """The outcome of one file: restored to `output`, or failed.

    Args:
        source: the file.
        output: the restored file's path.
        error: why it failed, in one line; None if it did not.
        remark: on the result: what of the file could not be kept, or that a solver diverged; empty if there is none.
        before: an earlier job with the same weights and options restored it.
    """

    source: Path
    output: Path
    error: str | None = None
    remark: str = ""
    before: bool = False


def plan_files(sources: Path | Sequence[Path], output: Path) -> list[tuple[Path, Path]]:
    """The output path of every input file: a file to a file or into a folder; a folder to a folder of the same structure.

    Several files and folders go into a folder. Files of formats that cannot be written become PNG.

    Raises:
        DarkroomError: a source does not exist, an output would overwrite its input, or two inputs have one output.
    """
    several = [sources] if isinstance(sources, Path) else list(sources)
    if len(several) > 1 and (output.is_file() or (output.suffix and not output.is_dir())):
        raise DarkroomError(f"{len(several)} inputs go into a folder; {output} is the name of a file")
    pairs = [pair for source in several for pair in _plan(source, output, into_folder=len(several) > 1)]
    inputs: dict[Path, Path] = {}
    for path, target in pairs:
        if path.resolve() == target.resolve():
            raise DarkroomError(f"{path} would be overwritten by its own restoration: choose another output")
        if (other := inputs.setdefault(target, path)) != path:
            raise DarkroomError(f"{other} and {path} would both be written to {target}: rename one of them")
    return pairs


def plan_beside(
    sources: Sequence[Path], suffix: str = "restored", resumed: Callable[[Path], bool] = lambda folder: False
) -> list[tuple[Path, Path]]:
    """Output paths beside the inputs: `photo_restored.jpg` for `photo.jpg`, the folder `photos_restored` for `photos`.

    A name that is taken gets a number: nothing is overwritten.

    Args:
        sources: files and folders.
        suffix: of the names.
        resumed: whether the job that a folder is of is resumed; then its name is not taken.

    Raises:
        DarkroomError: a source does not exist.
    """
    pairs: list[tuple[Path, Path]] = []
    for source in sources:
        target = _writable(source) if source.is_file() else source.resolve()
        taken = {output for _, output in pairs}
        output, number = target.with_name(f"{target.stem}_{suffix}{target.suffix}"), 1
        while (output.exists() and not resumed(output)) or output in taken:
            number += 1
            output = target.with_name(f"{target.stem}_{suffix}_{number}{target.suffix}")
        pairs += _plan(source, output, into_folder=False)
    return pairs


def _plan(source: Path, output: Path, *, into_folder: bool) -> list[tuple[Path, Path]]:
    if source.is_dir():
        if output.exists() and not output.is_dir():
            raise DarkroomError(f"{source} is a folder, so {output} must be one too")
        if output.resolve().is_relative_to(source.resolve()):
            raise DarkroomError(f"the output {output} lies inside the input {source}: choose a folder outside it")
        return [(path, _writable(output / path.relative_to(source))) for path in files_below(source).values()]
    if source.is_file():
        into_folder = into_folder or output.is_dir() or not output.suffix
        return [(source, _writable(output / source.name) if into_folder else output)]
    raise DarkroomError(f"no image or folder at {source}")


def restore_files(
    restorer: ImageRestorer,
    pairs: list[tuple[Path, Path]],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[RestoredFile]:
    """Restore files one by one; size (times the network's scale), bit depth, transparency and metadata are kept.

    Args:
        restorer: of images.
        pairs: input and output paths, from `plan_files`.
        progress: of each image, see `Restorer`.
    """
    for source, output in pairs:
        try:
            image = images.read(source)
            alpha = None if image.alpha is None else _upscaled(image.alpha, restorer.scale)
            restored = restorer(image.pixels, progress)
            bits, metadata, remarks = image.bits, image.metadata, image.remarks
            del image
            written = images.write(output, images.ImageFile(restored, alpha, bits, metadata))
            yield RestoredFile(source, output, remark="; ".join(filter(None, (*remarks, *written, restorer.remark))))
        except DarkroomError as error:
            yield RestoredFile(source, output, str(error))


def _upscaled(alpha: Tensor, scale: int) -> Tensor:
    if scale == 1:
        return alpha
    return nn.functional.interpolate(alpha[None], scale_factor=scale, mode="bicubic", antialias=True)[0].clamp(0, 1)


def _writable(path: Path) -> Path:
    """Formats that can be read but not written become PNG."""
    return path if path.suffix.lower() in images.WRITABLE else path.with_suffix(".png")
