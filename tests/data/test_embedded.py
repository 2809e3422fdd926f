"""The photographs and digits of the package are those of scikit-image and scikit-learn, and each has a licence."""

import importlib.util
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.data import embedded

PHOTOGRAPHS = (*embedded.TRAINING, *embedded.HELD_OUT)


def folder(package: str) -> Path:
    return Path(importlib.util.find_spec(package).origin).parent


@pytest.mark.parametrize("name", [*PHOTOGRAPHS, "digits.csv.gz"])
def test_files_are_those_of_scikit_image_and_scikit_learn(name):
    places = [folder("skimage") / "data", folder("sklearn") / "datasets" / "images", folder("sklearn") / "datasets" / "data"]
    (theirs,) = [place / name for place in places if (place / name).is_file()]
    assert embedded.embedded_file(name).read_bytes() == theirs.read_bytes()


def test_every_file_has_its_author_and_licence():
    files = {path.name for path in embedded.FOLDER.iterdir()} - {"SOURCES.md"}
    sources = (embedded.FOLDER / "SOURCES.md").read_text().splitlines()
    named = {name.strip("`") for line in sources if line.startswith("| `") for name in line.split(" | ")[0][2:].split(", ")}
    assert named == files == {*PHOTOGRAPHS, "digits.csv.gz"}


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(embedded, "FOLDER", tmp_path)
    with pytest.raises(DarkroomError, match=r"coffee\.png is missing: install Darkroom again$"):
        embedded.embedded_file("coffee.png")
