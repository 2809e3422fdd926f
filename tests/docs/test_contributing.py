"""The examples of CONTRIBUTING.md, as a reader would use them: files in a folder of their own, and the command line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.engine.folder import RunFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the files of the examples."""
    place = tmp_path_factory.mktemp("own")
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    assert len(blocks) == 5
    for name, code in blocks:
        (place / Path(name).name).write_text(code)
    return place


def darkroom(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "darkroom", *arguments], cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.long
def test_an_outside_recipe_is_trained_evaluated_reported_and_applied(folder: Path):
    done = darkroom(folder, "train", "my_recipe.py", "laptop")
    assert done.returncode == 0, done.stderr
    run = RunFolder(folder / "runs" / "my_recipe" / "laptop")
    scores = {result.metric: result.value for result in run.read_results() if not result.variant}
    assert scores["psnr"] > 40
    record = run.read()
    assert len(record.evaluations[0].overlap or []) == 9  # it is evaluated on what it was trained on, and that is found
    again = darkroom(folder, "train", "my_recipe.py", "laptop")
    assert again.returncode == 0, again.stderr
    other = darkroom(folder, "train", "my_recipe.py", "laptop", "--exponent", "3")
    assert other.returncode == 2
    assert "exponent=2.2 (now 3.0)" in other.stderr.splitlines()[-1]
    report = darkroom(folder, "report", "runs/my_recipe/laptop")
    assert report.returncode == 0, report.stderr
    assert "Gamma correction" in run.report.read_text()
    image = next(run.previews.rglob("input.png"))
    words = ["apply", str(image), "-o", "out.png", "--weights", "runs/my_recipe/laptop"]
    refused = darkroom(folder, *words)
    assert refused.returncode == 2
    assert "--recipe my_recipe.py" in refused.stderr.splitlines()[-1]
    applied = darkroom(folder, *words, "--recipe", "my_recipe.py")
    assert applied.returncode == 0, applied.stderr
    assert (folder / "out.png").is_file()


def test_help_of_an_outside_recipe_has_its_options(folder: Path):
    shown = darkroom(folder, "train", "my_recipe.py", "laptop", "--help")
    assert shown.returncode == 0, shown.stderr
    for words in ("--exponent", "Of the degradation.", "--lr", "Gamma correction"):
        assert words in shown.stdout
