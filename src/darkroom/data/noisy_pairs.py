"""Pairs of small noisy images in one file: two uint8 tensors, as a course hands them out."""

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
from darkroom.data.image_set import ImageSet
from darkroom.data.streams import patch_of
from darkroom.operators.noise import Noise
from darkroom.operators.resample import resize

Small = UInt8[Tensor, "count 3 size size"]


def noisy_pairs(
    images: ImageSet,
    noise: Noise,
    *,
    count: int,
    size: int,
    targets: Literal["noisy", "clean"] = "noisy",
    seed: int = 0,
    progress: Callable[[range], Iterable[int]] = iter,
) -> tuple[Small, Small]:
    """Two copies of each of `count` small images, their noise drawn independently: `(sources, targets)`.

    A small image is a random square of a large one, of any side from `size` up to the whole image, flipped and
    turned at random, and reduced so that every pixel is the mean of what it covers. Clipped and rounded to 8 bits.

    Args:
        images: the large ones; every one is equally likely.
        noise: what is done to each copy.
        count: pairs.
        size: side of the small images in pixels.
        targets: whether the second copy is noisy too, to learn from, or clean, to be evaluated by.
        seed: pair n depends on it and on n alone.
        progress: passes the numbers of the pairs through, for a bar.

    Raises:
        DarkroomError: count or size is below 1, or an image is broken.
    """
    if count < 1 or size < 1:
        raise DarkroomError(f"count and size must be at least 1, given --count {count} --size {size}")
    first, second = (torch.empty(count, 3, size, size, dtype=torch.uint8) for _ in range(2))
    for number in progress(range(count)):
        random = generator(seed, "noisy pair", number)
        which, side, *places = torch.randint(1 << 62, (5,), generator=random).tolist()
        image = images[which % len(images)]
        side = size + side % (max(0, min(image.shape[1:]) - size) + 1)
        small = resize(to_float(patch_of(image, side, *places))[None], size, size, "bilinear")[0]
        first[number] = to_uint8(noise(small, random)[0])
        second[number] = to_uint8(noise(small, random)[0] if targets == "noisy" else small)
    return first, second


def write(path: Path, pairs: tuple[Small, Small]) -> None:
    """Write pairs so that `torch.load(path)` gives two tensors; whole or not at all."""
    with replacing(path) as temporary:
        torch.save(pairs, temporary)


def read(path: Path) -> tuple[Small, Small]:
    """Read what `write` wrote, or what a course hands out; nothing in the file is executed.

    Raises:
        DarkroomError: the file is missing or broken, or does not hold two uint8 tensors `(count, 3, height, width)` alike.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DarkroomError(f"no pairs at {path}: make some with `darkroom data make noisy-pairs`") from error
    except Exception as error:  # rubbish makes the reader fail in every way there is
        raise DarkroomError(f"{path} cannot be read as two tensors ({(str(error).splitlines() or [''])[0]})") from error
    pairs = content if isinstance(content, tuple | list) else (content,)
    shown = ", ".join(f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__ for x in pairs)
    fits = len(pairs) == 2 and all(isinstance(x, Tensor) and x.dtype == torch.uint8 and x.ndim == 4 for x in pairs)
    if not fits or pairs[0].shape != pairs[1].shape or pairs[0].shape[1] != 3:
        raise DarkroomError(f"{path} holds {shown}; two torch.uint8 (count, 3, height, width) alike are wanted")
    return pairs[0], pairs[1]
