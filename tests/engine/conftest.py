"""Fixtures of the tests of runs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def two_photos(tmp_path_factory) -> Path:
    """Two small images, so that evaluation is fast."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(2):
        coarse = np.random.default_rng(number).integers(0, 256, (7, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((56, 48), Image.Resampling.BICUBIC).save(folder / f"p{number}.png")
    return folder
