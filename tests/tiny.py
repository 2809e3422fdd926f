"""A small training set, and a row so small that it trains in seconds."""

from pathlib import Path

import numpy as np
from PIL import Image

SETTINGS = dict(width=4, depth=3, patch_size=8, batch_size=2, steps=6)
"""Of `dncnn laptop`."""


def write_photos(folder: Path) -> Path:
    """A folder of four small colour images with structure in them."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(4):
        coarse = random.integers(0, 256, (7, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((56, 48), Image.Resampling.BICUBIC).save(folder / f"p{number}.png")
    return folder


def flags(**settings: object) -> list[str]:
    """Settings as options of the command line."""
    words: list[str] = []
    for key, value in settings.items():
        words += [f"--{key.replace('_', '-')}", *map(str, value if isinstance(value, tuple) else [value])]
    return words
