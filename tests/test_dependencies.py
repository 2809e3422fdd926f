"""What `pip install .` brings, and what works without the extras."""

import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.data.frame_blur import interpolated
from darkroom.engine.folder import RunFolder
from darkroom.engine.journal import Journal
from darkroom.networks import foreign
from tests.environment import PROJECT, ROOT, dependencies, link_dependencies

DEPENDENCIES = {re.match(r"[\w-]+", requirement)[0] for requirement in dependencies()}


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", requirement)[0].lower() for requirement in requirements}


def extras() -> dict[str, list[str]]:
    block = re.search(r"^\[project.optional-dependencies\]\n(.*?)^\[", PROJECT, re.M | re.S)[1]
    return {name: re.findall(r'"(.+?)"', listed) for name, listed in re.findall(r"^(\w+) = \[(.*?)\](?:  #.*)?$", block, re.M)}


def test_there_are_fewer_than_ten_dependencies_beside_torchs():
    of_torch = names([line for line in importlib.metadata.requires("torch") if "extra ==" not in line]) | {"torch"}
    assert len(DEPENDENCIES - of_torch) < 10


def test_the_page_of_dependencies_names_each_of_them_and_every_extra():
    page = (ROOT / "docs" / "how_to" / "install.md").read_text()
    listed = {name for cell in re.findall(r"^\| ([a-z][\w, -]*) \|", page, re.M) for name in cell.split(", ")} - {
        "dependency",
        "extra",
    }
    assert listed == DEPENDENCIES
    rows = dict(re.findall(r"^\| (`.*?`) \| (.*?) \|", page, re.M))
    assert {name for cell in rows for name in re.findall(r"`(\w+)`", cell)} == extras().keys() - {"all"}
    brought = {name: set(rows[f"`{name}`"].lower().split(", ")) for name in extras() if f"`{name}`" in rows}
    assert brought == {name: names(extras()[name]) for name in brought} and len(brought) > 9


def test_all_is_every_extra_that_is_free_for_any_use():
    (one,) = extras()["all"]
    assert set(re.search(r"\[(.*)\]", one)[1].split(",")) | {"bm3d", "docs", "test", "dev", "all"} >= extras().keys()


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Callable[..., str]:
    """Runs Python with the dependencies and without any extra; what it printed."""
    packages = tmp_path_factory.mktemp("packages")
    link_dependencies(packages)
    environment = {**os.environ, "PYTHONPATH": f"{packages}:{ROOT / 'src'}"}

    def run(*words: str, cwd: Path = ROOT) -> str:
        command = [sys.executable, "-S", *words]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=280, env=environment)
        assert done.returncode == 0, (words, done.stderr[-2000:])
        return done.stdout

    return run


@pytest.mark.long
def test_restoration_is_imported_without_any_extra(bare):
    optional = (
        "skimage",
        "sklearn",
        "scipy",
        "pywt",
        "spandrel",
        "tensorboard",
        "matplotlib",
        "tifffile",
        "onnx",
        "gradio",
        "viser",
    )
    found = f"[name for name in {optional!r} if importlib.util.find_spec(name)]"
    assert bare("-c", f"import importlib.util, darkroom.workflows.restore; print({found})").strip() == "[]"


@pytest.mark.long
def test_the_first_commands_work_without_any_extra(bare, tmp_path: Path):
    noisy = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noisy).save(tmp_path / "photo.png")
    on_cpu = "--accelerator cpu --threads 1"
    for words in (
        f"restore photo.png {on_cpu}",
        f"train dncnn laptop --steps 4 {on_cpu}",
        "report runs/dncnn/laptop",
        "list",
    ):
        bare("-m", "darkroom", *words.split(), cwd=tmp_path)
    assert (tmp_path / "photo_restored.png").is_file()
    assert "image/svg+xml" in (tmp_path / "runs" / "dncnn" / "laptop" / "report.html").read_text()


@pytest.fixture
def without(monkeypatch):
    return lambda *packages: [monkeypatch.setitem(sys.modules, name, None) for name in packages]


def test_what_needs_an_extra_says_which(without, tmp_path: Path):
    tifffile.imwrite(tmp_path / "deep.tif", np.zeros((8, 9, 3), np.uint16), photometric="rgb")
    torch.save({"conv.weight": torch.zeros(3, 3, 3, 3)}, tmp_path / "x.pth")
    without("tifffile", "spandrel", "skimage.registration")
    with pytest.raises(DarkroomError, match=r"16 bits needs tifffile: run `pip install '\.\[tiff\]'"):
        images.read(tmp_path / "deep.tif")
    with pytest.raises(DarkroomError, match=r"NAFNet and SCUNet, need spandrel: run `pip install '\.\[foreign\]'"):
        foreign.read(tmp_path / "x.pth")
    assert {"DnCNN", "SwinIR"} <= set(foreign.readable()) and "NAFNet" not in foreign.readable()
    with pytest.raises(DarkroomError, match=r"need scikit-image: run `pip install '\.\[classical\]'"):
        interpolated(torch.rand(2, 3, 8, 8), 1)


def test_pages_of_a_tiff_are_counted_without_tifffile(without, tmp_path: Path):
    tifffile.imwrite(tmp_path / "pages.tif", np.zeros((3, 8, 9), np.uint8), photometric="minisblack")
    assert images.frames(tmp_path / "pages.tif") == 3
    without("tifffile")
    assert images.frames(tmp_path / "pages.tif") == 3


def test_numbers_are_kept_without_tensorboard(without, tmp_path: Path):
    without("tensorboard")
    journal = Journal(RunFolder(tmp_path), 0)
    journal.scalar(1, "validation", "psnr", 30.0)
    journal.close()
    assert (tmp_path / "metrics.jsonl").read_text() and not (tmp_path / "tensorboard").exists() and not journal.remark
