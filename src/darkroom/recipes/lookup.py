"""Recipes by the name of their file, or by the path of a file outside the package."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Evaluation
from darkroom.core.record import Published, Study
from darkroom.engine.describe import RowDescription
from darkroom.engine.run import Run
from darkroom.recipes.outline import check_row, names, outline
from darkroom.recipes.ranges import check
from darkroom.recipes.setting_types import check_types
from darkroom.recipes.settings import arguments, defaults

_OUTSIDE: dict[str, ModuleType] = {}
"""Recipes of files outside the package that were read, by name."""


@runtime_checkable
class Recipe(Protocol):
    """What a recipe's file has: rows, and the function whose signature is the configuration.

    It may also have `TASK`, the words that `darkroom list` and the report group recipes by; `PUBLISHED`, numbers of papers by row;
    and `STUDIES`, a tuple of `core.record.Study` that the report draws. Its docstring says paper, command, duration and expected
    result.
    """

    ROWS: Mapping[str, Mapping[str, Any]]

    def recipe(self, **settings: Any) -> Run: ...


def find(recipe: str) -> Recipe:
    """A recipe by its name, or by the path of its file, which is then executed.

    Raises:
        DarkroomError: there is none, or the file is not a recipe.
    """
    if recipe.endswith(".py"):
        return _outside(Path(recipe))
    if recipe in _OUTSIDE:
        return _OUTSIDE[recipe]  # type: ignore[return-value]
    return importlib.import_module(f"darkroom.recipes.{outline(recipe).name}")  # type: ignore[return-value]


def _outside(path: Path) -> Recipe:
    if not path.is_file():
        raise DarkroomError(f"no recipe at {path}")
    if path.stem in names():
        raise DarkroomError(f"{path} has the name of a recipe of Darkroom's; rename it")
    name = f"darkroom_outside_recipe_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    if str(path.parent.resolve()) not in sys.path:  # it may import files beside it
        sys.path.insert(0, str(path.parent.resolve()))
    try:
        specification.loader.exec_module(module)
    except Exception as error:  # it is the user's code
        raise DarkroomError(f"{path} cannot be imported: {type(error).__name__}: {error} (--debug shows where)") from error
    rows = getattr(module, "ROWS", None)
    if not isinstance(rows, Mapping) or not all(isinstance(row, Mapping) for row in rows.values()):
        raise DarkroomError(f"{path} is not a recipe: it needs ROWS, a dictionary of rows, each a dictionary of settings")
    if not callable(getattr(module, "recipe", None)):
        raise DarkroomError(f"{path} is not a recipe: it needs a function recipe(...) -> Run")
    _OUTSIDE[path.stem] = module
    return module  # type: ignore[return-value]


def known(recipe: str) -> bool:
    """Whether a recipe can be found by this name: one of the package, or of a file that was read before."""
    return recipe in names() or recipe in _OUTSIDE


def name_of(recipe: str) -> str:
    """The name of a recipe that is given by name or path."""
    return Path(recipe).stem if recipe.endswith(".py") else recipe


def row(recipe: str, row: str) -> dict[str, Any]:
    """Every setting of a row: the recipe's defaults, and what the row changes.

    Raises:
        DarkroomError: there is no such row, or it changes what the recipe does not have.

    Example:
        >>> row("dncnn", "s25")["sigma"]
        25.0
    """
    found = find(recipe)
    check_row(row, found.ROWS, name_of(recipe))
    default = defaults(found.recipe)
    if unknown := set(found.ROWS[row]) - set(default):
        raise DarkroomError(f"row {row} of {recipe} changes {', '.join(sorted(unknown))}, which the recipe does not have")
    return {**default, **found.ROWS[row]}


def build(recipe: str, settings: Mapping[str, Any]) -> Run:
    """The run that a recipe makes of flat settings; nothing is opened.

    Raises:
        DarkroomError: there is no such recipe, it has no such setting, or a value is of another type or outside its range.
    """
    function = find(recipe).recipe
    check_types(function, settings)
    try:
        given = arguments(function, settings)
    except DarkroomError as error:
        raise DarkroomError(f"recipe {name_of(recipe)} has {error}; was it written by another version?") from error
    check(settings)
    return function(**given)


def describe(recipe: str, row_name: str, settings: Mapping[str, Any], run: Run) -> RowDescription:
    """What a recipe says of a row with these settings, of which `run` was built."""
    found, usual = find(recipe), row(recipe, row_name)
    changed = {key: value for key, value in settings.items() if usual[key] != value}
    return RowDescription(
        recipe=name_of(recipe),
        row=row_name,
        task=getattr(found, "TASK", ""),
        docstring=found.__doc__ or name_of(recipe),
        row_number=list(found.ROWS).index(row_name),
        settings=dict(settings),
        changed=changed,
        protocol_changes=_protocol_changes(recipe, usual, changed, run),
        published=published(recipe).get(row_name, []),
        studies=studies(recipe),
    )


def header(recipe: str, row_name: str, settings: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """What the weights files of a run say of themselves; see `core.weights.save`."""
    return {"kind": run.kind, "recipe": name_of(recipe), "row": row_name, "settings": dict(settings)}


def published(recipe: str) -> Mapping[str, list[Published]]:
    """The published numbers of a recipe, by row."""
    return getattr(find(recipe), "PUBLISHED", {})


def studies(recipe: str) -> tuple[Study, ...]:
    """The studies of a recipe."""
    return getattr(find(recipe), "STUDIES", ())


def _protocol_changes(recipe: str, usual: Mapping[str, Any], changed: Mapping[str, Any], run: Run) -> dict[str, list[str]]:
    """For each test set whose protocol differs from the row's as written: the settings that change it."""
    before = {_key(evaluation): _protocol(evaluation) for evaluation in build(recipe, usual).evaluations} if changed else {}
    found: dict[str, list[str]] = {}
    for evaluation in run.evaluations:
        key = _key(evaluation)
        if key in before and before[key] != _protocol(evaluation):
            alone = [name for name, value in changed.items() if _changes(recipe, {**usual, name: value}, key, before[key])]
            found[evaluation.name] = [f"{name}={changed[name]}" for name in alone or changed]
    return found


def _changes(recipe: str, settings: Mapping[str, Any], key: object, protocol: object) -> bool:
    try:
        evaluations = build(recipe, settings).evaluations
    except DarkroomError:  # a setting that does not work alone
        return False
    return any(_key(evaluation) == key and _protocol(evaluation) != protocol for evaluation in evaluations)


def _key(evaluation: Evaluation) -> tuple[str, tuple[tuple[str, float | str], ...]]:
    return evaluation.name, tuple(evaluation.variant.items())


def _protocol(evaluation: Evaluation) -> tuple[str, int]:
    return evaluation.protocol(), evaluation.seed
