"""Weights by what a user types; nothing is opened."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from darkroom.core.errors import DarkroomError
from darkroom.recipes import shipped
from darkroom.recipes.outline import names, outline


def weights_path(weights: str, runs: Path = Path("runs")) -> Path:
    """A network of the package by its name, a run's folder or a weights file by its path, or RECIPE/ROW among the runs.

    Raises:
        DarkroomError: there is neither.
    """
    if weights in shipped.NETWORKS:
        return shipped.NETWORKS[weights].weights
    for path in (Path(weights), runs / weights):
        with suppress(OSError):  # a name that is too long
            if path.exists():
                return path
    recipe, _, row = weights.partition("/")
    trainable = recipe in names() and row in outline(recipe).rows
    remedy = f"train it first with `darkroom train {recipe} {row}`" if trainable else "give a run's folder or a weights file"
    raise DarkroomError(f"no weights at {weights} or {runs / weights}: {remedy}")


def weights_paths(weights: Sequence[str | Path]) -> list[Path]:
    """`weights_path` of several.

    Raises:
        DarkroomError: there are none at one of them, or none is given.
    """
    if not weights:
        raise DarkroomError("which weights? For example: darkroom evaluate runs/dncnn/laptop --test-set embedded")
    return [weights_path(str(each)) for each in weights]
