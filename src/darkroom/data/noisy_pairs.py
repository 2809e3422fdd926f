"""Pairs of small noisy images in one file: two uint8 tensors."""

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import UInt8
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.files import replacing
from darkroom.core.images import to_float, to_uint8
from darkroom.core.randomness import generator
from darkroom.core.torch_files import require_intact
from darkroom.data.image_set import ImageSet
from darkroom.data.joint_transforms import crop
from darkroom.operators.noise import Noise
from darkroom.operators.resample import resize

SmallImages = UInt8[Tensor, "count 3 size size"]


def noisy_pairs(
    images: ImageSet,
    noise: Noise,
    *,
    count: int,
    size: int,
    targets: Literal["noisy", "clean"] = "noisy",
    seed: int = 0,
    progress: Callable[[range], Iterable[int]] = iter,
) -> tuple[SmallImages, SmallImages]:
    """Two copies of each of `count` small images with independent noise: `(inputs, targets)`.

    A small image is a random square crop of an image, of any side from `size` up to the shorter side of the image, flipped and
    rotated at random, and downscaled with antialiasing. Noisy copies are clipped and rounded to 8 bits.

    Args:
        images: the large images, each equally likely.
        noise: of each copy.
        count: number of pairs.
        size: side of the small images in pixels.
        targets: "noisy" for training without clean images, "clean" for evaluation.
        seed: pair n depends on it and on n.
        progress: wraps the numbers of the pairs, for a progress bar.

    Raises:
        DarkroomError: count or size is below 1, or an image is broken.
    """
    if count < 1 or size < 1:
        raise DarkroomError(f"count and size must be at least 1, given --count {count} --size {size}")
    first, second = (torch.empty(count, 3, size, size, dtype=torch.uint8) for _ in range(2))
    for number in progress(range(count)):
        random = generator(seed, "noisy pair", number)
        index, side, *place = torch.randint(1 << 62, (5,), generator=random).tolist()
        image = images[index % len(images)]
        side = size + side % (max(0, min(image.shape[1:]) - size) + 1)
        small = resize(to_float(crop(image, side, side, *place))[None], size, size, "bilinear")[0]
        first[number] = to_uint8(noise(small, random)[0])
        second[number] = to_uint8(noise(small, random)[0] if targets == "noisy" else small)
    return first, second


def write(path: Path, pairs: tuple[SmallImages, SmallImages]) -> None:
    """Write pairs atomically, so that `torch.load(path)` gives two tensors.

    Raises:
        DarkroomError: the disk is full, or the path cannot be written.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(pairs, file)


def read(path: Path) -> tuple[SmallImages, SmallImages]:
    """Read a file of pairs, written by `write` or by `torch.save`; nothing in the file is executed.

    Raises:
        DarkroomError: the file is missing or broken, would unpack to more than twice its size, or does not hold two uint8 tensors
            `(count, 3, height, width)` of equal shapes.
    """
    if zipfile.is_zipfile(path):
        require_intact(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DarkroomError(f"no pairs at {path}: make some with `darkroom data make noisy-pairs`") from error
    except Exception as error:  # broken files raise every kind of exception
        raise DarkroomError(f"{path} cannot be read as two tensors ({(str(error).splitlines() or [''])[0]})") from error
    pairs = content if isinstance(content, tuple | list) else (content,)
    found = ", ".join(f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__ for x in pairs)
    fits = len(pairs) == 2 and all(isinstance(x, Tensor) and x.dtype == torch.uint8 and x.ndim == 4 for x in pairs)
    if any(isinstance(x, Tensor) and x.nbytes > path.stat().st_size for x in pairs):
        raise DarkroomError(
            f"{path} holds {found}, more than its {path.stat().st_size} bytes: it is damaged, or not what it says"
        )
    if not fits or pairs[0].shape != pairs[1].shape or pairs[0].shape[1] != 3:
        raise DarkroomError(f"{path} holds {found}; expected two torch.uint8 (count, 3, height, width) of equal shapes")
    return pairs[0], pairs[1]
