"""Thread counts, shape checking, and images for all tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

from jaxtyping import install_import_hook

# Shapes and types of every annotated function are checked, under pytest only. The command line is left out:
# it is made from signatures, and a checked function hides its own.
CHECKED = (
    "core",
    "operators",
    "layers",
    "metrics",
    "scratch",
    "data",
    "networks",
    "radiance",
    "solvers",
    "methods",
    "engine",
    "evaluations",
    "recipes",
    "workflows",
    "report",
)
install_import_hook([f"darkroom.{folder}" for folder in CHECKED], "beartype.beartype")

from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from PIL import Image

torch.set_num_threads(1)
hypothesis.settings.register_profile("darkroom", deadline=None, max_examples=25, derandomize=True)
hypothesis.settings.load_profile("darkroom")


@pytest.fixture(autouse=True, scope="session")
def own_cache_of_baselines(tmp_path_factory):
    """Baselines that tests evaluate are not kept among the user's, and nothing is read from there."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("darkroom.engine.baselines.cache_root", lambda: folder)
        yield


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of four small colour images with structure in them."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(4):
        coarse = random.integers(0, 256, (7, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((56, 48), Image.Resampling.BICUBIC).save(folder / f"p{number}.png")
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real datasets, where `DARKROOM_DATA` names one."""
    root = Path(os.environ.get("DARKROOM_DATA", "/nowhere"))
    if not (root / "BSDS500" / "data").is_dir():
        pytest.skip("set DARKROOM_DATA to a folder that holds BSDS500 and Set12")
    return root
