import sys
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.recipes import lookup, outline


@pytest.mark.parametrize("name", outline.names())
def test_the_outline_is_what_importing_gives(name: str):
    module, found = lookup.find(name), outline.outline(name)
    assert (found.name, found.rows) == (name, tuple(module.ROWS))
    assert found.task == module.TASK
    assert found.docstring.split() == module.__doc__.split()


@pytest.mark.parametrize("name", outline.names())
def test_every_recipe_is_listed_without_importing_it(name: str, monkeypatch):
    monkeypatch.setattr(outline.importlib, "import_module", lambda module: pytest.fail(f"{module}: write its ROWS out"))
    outline.outline.__wrapped__(name)


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        ('ROWS = {"a": f(), "b": dict(x=1)}', ("a", "b")),
        ('A = dict(c=1)\nROWS: object = {"a": 0, **A, "a": 1, **dict(d=2, **A)}', ("a", "c", "d")),
        ('ROWS = {name: {} for name in ("p", "q")}', ("p", "q")),
        ('ROWS = {"a": 0}\nROWS |= {"b": 1}', ("a", "b")),
        ('A = {"a": 0}\nA = {"b": 0}\nROWS = {**A}', ("b",)),
        ('A = dict(zip("xy", "12"))\nROWS = {**A, "z": 0}', ("x", "y", "z")),
    ],
)
def test_rows_that_are_written_out_are_read_and_others_imported(lines, rows, tmp_path: Path, monkeypatch):
    (tmp_path / "mine.py").write_text(f'"""Title."""\nf = dict\n{lines}\n')
    (tmp_path / "options.py").write_text("x = 1\n")
    monkeypatch.setattr(outline, "_FOLDER", tmp_path)
    monkeypatch.setattr("darkroom.recipes.__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "darkroom.recipes.mine", raising=False)
    assert outline.names() == ["mine"]
    found = outline.outline.__wrapped__("mine")
    assert found == outline.Outline("mine", "other", "Title.", rows)
    with pytest.raises(DarkroomError, match="no recipe 'options'; there are mine"):
        outline.outline("options")
