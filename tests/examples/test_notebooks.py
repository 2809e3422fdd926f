"""The notebooks of `examples/`: every cell is executed, with a short training; what they show is kept in them, and is small."""

import json
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 300_000
"""Bytes of a notebook with its outputs."""

executing = runpy.run_path(str(FOLDER / "execute.py"))


def kinds(notebook: dict) -> list[list[str]]:
    """What kinds of output each code cell has."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [[next(iter(output.get("data", {"text": ""}))) for output in cell["outputs"]] for cell in cells]


def test_there_is_one_for_each_family():
    families = {path.stem for path in (FOLDER.parent / "docs" / "tutorials").glob("*.md")}
    assert families | {"deblurring"} == {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_a_notebook_runs_and_keeps_what_it_shows(path: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DARKROOM_CACHE", str(tmp_path / "cache"))
    kept = executing["read"](path)
    found = executing["execute"](kept, kept["metadata"]["darkroom"]["short"])
    assert kinds(found) == kinds(kept)
    assert any("text/markdown" in kind for kind in kinds(kept)) and any("image/jpeg" in kind for kind in kinds(kept))
    assert path.stat().st_size < LARGEST
    assert not any("Error" in line for cell in kept["cells"] for line in json.dumps(cell.get("outputs", "")).splitlines())
