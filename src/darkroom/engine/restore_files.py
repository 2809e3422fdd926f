"""Restoration of image files: one file or a folder; a file that fails does not stop the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.data.image_set import files_below
from darkroom.engine.deblur import Deblurrer
from darkroom.engine.restorer import Restorer


@dataclass(frozen=True)
class RestoredFile:
    """The outcome of one file: restored to `output`, or failed.

    Args:
        source: the file.
        output: the restored file's path.
        error: why it failed, in one line; None if it did not.
        remark: a remark on the result, for example that the solver diverged; empty if there is none.
    """

    source: Path
    output: Path
    error: str | None = None
    remark: str = ""


def plan_files(source: Path, output: Path) -> list[tuple[Path, Path]]:
    """The output path of every input file: a file to a file or into a folder; a folder to a folder of the same structure.

    Files of formats that cannot be written become PNG.

    Raises:
        DarkroomError: `source` does not exist, or an output would overwrite its input.
    """
    if source.is_dir():
        if output.exists() and not output.is_dir():
            raise DarkroomError(f"{source} is a folder, so {output} must be one too")
        if output.resolve().is_relative_to(source.resolve()):
            raise DarkroomError(f"the output {output} lies inside the input {source}: choose a folder outside it")
        pairs = [(path, output / path.relative_to(source)) for path in files_below(source).values()]
        pairs = [(path, _writable(target)) for path, target in pairs]
    elif source.is_file():
        into_folder = output.is_dir() or not output.suffix
        pairs = [(source, _writable(output / source.name) if into_folder else output)]
    else:
        raise DarkroomError(f"no image or folder at {source}")
    for path, target in pairs:
        if path.resolve() == target.resolve():
            raise DarkroomError(f"{path} would be overwritten by its own restoration: choose another output")
    return pairs


def restore_files(
    restorer: Restorer | Deblurrer,
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
            bits, metadata = image.bits, image.metadata
            del image
            images.write(output, images.ImageFile(restored, alpha, bits, metadata))
            yield RestoredFile(source, output, remark=restorer.remark)
        except DarkroomError as error:
            yield RestoredFile(source, output, str(error))


def _upscaled(alpha: Tensor, scale: int) -> Tensor:
    if scale == 1:
        return alpha
    return nn.functional.interpolate(alpha[None], scale_factor=scale, mode="bicubic", antialias=True)[0].clamp(0, 1)


def _writable(path: Path) -> Path:
    """Formats that can be read but not written become PNG."""
    return path if path.suffix.lower() in images.WRITABLE else path.with_suffix(".png")
