"""Darkroom: learned imaging, from the paper's table to the photograph on your disk.

    import darkroom

    darkroom.train("dncnn", "laptop")                                       # a row of a recipe
    darkroom.evaluate("dncnn/laptop", "embedded")                           # by the published tables' protocol
    darkroom.restore("noisy.jpg").save("clean.png")                         # a path, PIL image, array or tensor
    darkroom.restore("noisy.jpg", "dncnn/laptop").save("clean.png")         # with weights of one's own
    darkroom.translate("map.png", "pix2pix/facades").save("photo.png")      # a label map to a photograph
    network = darkroom.load("dncnn/laptop")                                 # a torch.nn.Module

Importing the package imports neither torch nor numpy; the functions do when they are first used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.workflows.evaluate import evaluate
    from darkroom.workflows.options import RunOptions
    from darkroom.workflows.restore import load, restore, restore_files
    from darkroom.workflows.train import train
    from darkroom.workflows.translate import translate, translate_files

__version__ = "0.1.0"

__all__ = ["RunOptions", "__version__", "evaluate", "load", "restore", "restore_files", "train", "translate", "translate_files"]

_PLACES = {
    "RunOptions": "options",
    "evaluate": "evaluate",
    "load": "restore",
    "restore": "restore",
    "restore_files": "restore",
    "train": "train",
    "translate": "translate",
    "translate_files": "translate",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'darkroom' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"darkroom.workflows.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
