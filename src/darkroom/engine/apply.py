"""ImageSet in, images out: a file or a folder through a restorer, one broken file not stopping the rest."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.data.image_set import files_below
from darkroom.engine.deblur import Deblurrer
from darkroom.engine.restore import Restorer


@dataclass(frozen=True)
class Applied:
    """One image that was asked for: written to `output`, or not, and then why.

    Args:
        source: the file.
        output: where the answer lies, or would.
        error: the reason in one line, or None.
        remark: what is to be known of the answer, or nothing.
    """

    source: Path
    output: Path
    error: str | None = None
    remark: str = ""


def plan(source: Path, output: Path) -> list[tuple[Path, Path]]:
    """Which file becomes which: a file to a file or into a folder; a folder to a folder of the same structure.

    Raises:
        DarkroomError: there is nothing at `source`, or an answer would overwrite its question.
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


def apply(
    restorer: Restorer | Deblurrer,
    pairs: list[tuple[Path, Path]],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Applied]:
    """Restore every pair of `plan`; an image that fails is reported and the others go on."""
    for source, output in pairs:
        try:
            image = images.read(source)
            alpha = image.alpha
            if alpha is not None and restorer.scale > 1:
                alpha = nn.functional.interpolate(alpha[None], scale_factor=restorer.scale, mode="bicubic", antialias=True)[
                    0
                ].clamp(0, 1)
            restored = restorer(image.pixels, progress)
            bits, metadata = image.bits, image.metadata
            del image
            images.write(output, images.ImageFile(restored, alpha, bits, metadata))
            yield Applied(source, output, remark=restorer.remark)
        except DarkroomError as error:
            yield Applied(source, output, str(error))


def _writable(path: Path) -> Path:
    """Formats that can be read but not written become PNG."""
    return path if path.suffix.lower() in images.WRITABLE else path.with_suffix(".png")
