"""Image sets by name: a known set, a folder, or a zip file."""

from pathlib import Path

from darkroom.core.errors import DarkroomError
from darkroom.core.paths import data_root
from darkroom.data.bsds500 import bsds500
from darkroom.data.catalogue import CATALOGUE
from darkroom.data.embedded import embedded
from darkroom.data.image_set import File, ImageSet, files_below, image_files, name_of

FLAT_SETS = {
    "set5": "Set5",
    "set12": "Set12",
    "set14": "Set14",
    "kodak24": "Kodak24",
    "mcmaster": "McMaster",
    "urban100": "Urban100",
    "sun80": "Sun_Hays_SR_groundtruth",
}
"""Test sets that are one flat folder below the data root."""


def training_images(name: str, *, grey: bool = False) -> ImageSet:
    """Images for training: "embedded", "bsds500" (the 432 outside BSD68), "bsds400" (outside BSD100), a folder or a zip file."""
    if name == "embedded":
        return embedded("train", grey=grey)
    if name == "bsds500":
        return bsds500("432", grey=grey)
    if name == "bsds400":
        return bsds500("400", grey=grey)
    return _at_path(name, grey=grey)


def evaluation_images(name: str, *, grey: bool = False) -> ImageSet:
    """Images for evaluation: "embedded" (held out), "bsd68", "bsd100", one of `FLAT_SETS`, a folder or a zip file."""
    if name == "embedded":
        return embedded("heldout", grey=grey)
    if name in ("bsds500", "bsd68", "cbsd68"):
        return bsds500("68", grey=grey)
    if name == "bsd100":
        return bsds500("100", grey=grey)
    if name in FLAT_SETS:
        return _flat(name, FLAT_SETS[name], grey=grey)
    return _at_path(name, grey=grey)


def named(name: str, *, grey: bool = False) -> ImageSet:
    """Images for any use: the training sets by their names, "embedded-heldout", otherwise as `evaluation_images`."""
    if name == "embedded-heldout":
        return embedded("heldout", grey=grey)
    return (training_images if name in ("embedded", "bsds500", "bsds400") else evaluation_images)(name, grey=grey)


def _flat(name: str, folder: str, *, grey: bool) -> ImageSet:
    def find() -> dict[str, Path]:
        root = data_root() / folder
        if not root.is_dir():
            remedy = f"get it with `darkroom data get {name}`, or put" if name in CATALOGUE else "put"
            raise DarkroomError(f"{folder} is not at {root}: {remedy} its images there")
        return files_below(root)

    return ImageSet(name, find, grey=grey)


def _at_path(name: str, *, grey: bool) -> ImageSet:
    path = Path(name).expanduser()
    known = ", ".join(["embedded", "bsds500", "bsds400", "bsd68", "bsd100", *FLAT_SETS])

    def find() -> dict[str, File]:
        if not path.is_dir() and path.suffix.lower() != ".zip":
            raise DarkroomError(f"{name!r} is neither a folder, a zip file nor a known set ({known})")
        return image_files(path)

    return ImageSet(name_of(path), find, grey=grey)
