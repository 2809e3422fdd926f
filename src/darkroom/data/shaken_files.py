"""Files of shaken and sharp images, made of any photographs."""

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError, about
from darkroom.core.images import ImageFile, to_float, write
from darkroom.core.randomness import generator
from darkroom.data.image_set import ImageSet
from darkroom.operators.shaken import ShakenPair


def write_shaken(
    images: ImageSet,
    folder: Path,
    pair: ShakenPair,
    *,
    labels: ImageSet | None = None,
    seed: int = 0,
    progress: Callable[[range], Iterable[int]] = iter,
) -> int:
    """Write `blur/NAME.png` and `sharp/NAME.png` for every image; each has a shake of its own, from (seed, its name).

    `PairedFolders` reads them. Both are smaller than the photograph by the kernels' support minus 1.

    Args:
        images: the photographs.
        folder: where the two folders are made.
        pair: the degradation.
        labels: label maps of the same names and sizes, whose segments are blurred differently.
        seed: of the shakes.
        progress: wraps the numbers of the images.

    Returns:
        The number of pairs.

    Raises:
        DarkroomError: an image is broken, smaller than a kernel, or has no label map of its size.
    """
    for index in progress(range(len(images))):
        name = images.names[index]
        with about(images.files[name]):
            clean = to_float(images[index])
            found = None if labels is None else _labels(labels, name, clean)
            example = pair(clean, generator(seed, "shake", name), found)
        for kind, image in (("blur", example.input), ("sharp", example.target)):
            write(folder / kind / f"{name}.png", ImageFile(image))
    return len(images)


def _labels(labels: ImageSet, name: str, clean: Tensor) -> Tensor:
    if name not in labels.files:
        raise DarkroomError(f"it has no label map: none of the {len(labels)} of {labels.name} is named {name!r}")
    found = labels[labels.position(name)].to(torch.long)[0]
    if found.shape != clean.shape[1:]:
        sizes = (f"{x.shape[-1]}x{x.shape[-2]}" for x in (found, clean))
        raise DarkroomError("its label map has {} pixels and the image {}".format(*sizes))
    return found
