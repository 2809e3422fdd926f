"""Thread counts, shape checking, and images for all tests."""

import os
import shutil
import tempfile

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
    "processes",
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


_CACHES: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    """Give the tests a cache of computed files of their own, which all workers share."""
    worker = getattr(config, "workerinput", None)
    run = worker["testrunuid"] if worker else config.getoption("testrunuid", None) or os.getpid()
    os.environ["DARKROOM_CACHE"] = str(Path(tempfile.gettempdir()) / f"darkroom-tests-{run}")
    if not worker:
        _CACHES.append(os.environ["DARKROOM_CACHE"])


def pytest_unconfigure(config: pytest.Config) -> None:
    for folder in _CACHES:
        shutil.rmtree(folder, ignore_errors=True)


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
