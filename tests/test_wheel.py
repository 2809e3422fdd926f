"""The wheel alone: built, installed into an environment of its own, and used from there."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.environment import ROOT, dependencies, link_dependencies


def run(*words: object, **more) -> subprocess.CompletedProcess:
    found = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=400, **more)
    assert found.returncode == 0, found.stderr
    return found


@pytest.mark.long
def test_the_wheel_is_installed_and_restores_an_image(tmp_path: Path):
    """Without a network: its dependencies, and no other package, are linked from this environment."""
    pytest.importorskip("hatchling")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path / "dist", ROOT)
    (wheel,) = (tmp_path / "dist").glob("darkroom_imaging-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"darkroom/shipped/denoise.safetensors", "darkroom/shipped/denoise.md", "darkroom/embedded/SOURCES.md"} <= set(names)
    assert not [name for name in names if name.startswith(("tests", "docs"))]

    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "environment")
    python = tmp_path / "environment" / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    link_dependencies(packages)
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)

    ramp = np.linspace(40, 210, 64)[None, :, None] + np.zeros((48, 64, 3))
    noisy = (ramp + np.random.default_rng(0).normal(0, 20, ramp.shape)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "photo.png")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = (python.with_name("darkroom"), "restore", "photo.png", "--accelerator", "cpu", "--threads", 1)
    run(*command, cwd=tmp_path, env=environment)
    clean = np.asarray(Image.open(tmp_path / "photo_restored.png")).astype(float)
    assert np.abs(clean - ramp).mean() < 0.4 * np.abs(noisy - ramp).mean()
    where = run(python, "-c", "import darkroom; print(darkroom.__file__)", cwd=tmp_path, env=environment).stdout
    assert Path(where.strip()).is_relative_to(tmp_path)
    asked = (
        "from importlib.metadata import requires; print(sum('extra ==' not in each for each in requires('darkroom-imaging')))"
    )
    assert int(run(python, "-c", asked, cwd=tmp_path, env=environment).stdout) == len(dependencies())
