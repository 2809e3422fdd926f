"""Recipes by the name of their file, or by the path of a file outside the package; and networks by their weights."""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from darkroom import recipes
from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Evaluation
from darkroom.core.method import Method
from darkroom.core.network import RestorationNetwork
from darkroom.core.record import Published, Study
from darkroom.engine import checkpoint
from darkroom.engine.describe import RowDescription
from darkroom.engine.folder import RunFolder
from darkroom.engine.run import Run
from darkroom.methods.radiance import RadianceMethod
from darkroom.networks import foreign
from darkroom.radiance.rays import RayStream
from darkroom.radiance.scenes import Scene
from darkroom.recipes.settings import arguments, defaults

_NO_RECIPES = {"lookup", "options", "settings"}
_OUTSIDE: dict[str, ModuleType] = {}
"""Recipes of files outside the package that were read, by name."""


@runtime_checkable
class Recipe(Protocol):
    """What a recipe's file has: rows, and the function whose signature is the configuration.

    It may also have `PUBLISHED`, numbers of papers by row, and `STUDIES`, a tuple of `core.record.Study` that the report draws.
    Its docstring says paper, command, duration and expected result.
    """

    ROWS: Mapping[str, Mapping[str, Any]]

    def recipe(self, **settings: Any) -> Run: ...


def names() -> list[str]:
    """Every recipe of the package.

    Example:
        >>> "dncnn" in names()
        True
    """
    files = pkgutil.iter_modules(recipes.__path__)
    return sorted(file.name for file in files if not file.ispkg and file.name not in _NO_RECIPES)


def find(recipe: str) -> Recipe:
    """A recipe by its name, or by the path of its file, which is then executed.

    Raises:
        DarkroomError: there is none, or the file is not a recipe.
    """
    if recipe.endswith(".py"):
        return _outside(Path(recipe))
    if recipe in _OUTSIDE:
        return _OUTSIDE[recipe]  # type: ignore[return-value]
    if recipe not in names():
        raise DarkroomError(
            f"no recipe {recipe!r}; there are {', '.join(names())} (see `darkroom list`), or give the path of a file of your own, "
            "for example my_recipe.py"
        )
    return importlib.import_module(f"darkroom.recipes.{recipe}")  # type: ignore[return-value]


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
    specification.loader.exec_module(module)
    if not isinstance(getattr(module, "ROWS", None), Mapping) or not callable(getattr(module, "recipe", None)):
        raise DarkroomError(f"{path} is not a recipe: it needs ROWS, a dictionary of rows, and a function recipe(...) -> Run")
    _OUTSIDE[path.stem] = module
    return module  # type: ignore[return-value]


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
    if row not in found.ROWS:
        raise DarkroomError(f"recipe {name_of(recipe)} has no row {row!r}; there are {', '.join(found.ROWS)}")
    default = defaults(found.recipe)
    if unknown := set(found.ROWS[row]) - set(default):
        raise DarkroomError(f"row {row} of {recipe} changes {', '.join(sorted(unknown))}, which the recipe does not have")
    return {**default, **found.ROWS[row]}


def build(recipe: str, settings: Mapping[str, Any]) -> Run:
    """The run that a recipe makes of flat settings; nothing is opened.

    Raises:
        DarkroomError: there is no such recipe, or it has no such setting.
    """
    function = find(recipe).recipe
    try:
        given = arguments(function, settings)
    except DarkroomError as error:
        raise DarkroomError(f"recipe {name_of(recipe)} has {error}; was it written by another version?") from error
    return function(**given)


def describe(recipe: str, row_name: str, settings: Mapping[str, Any], run: Run) -> RowDescription:
    """What a recipe says of a row with these settings, of which `run` was built."""
    found, usual = find(recipe), row(recipe, row_name)
    changed = {key: value for key, value in settings.items() if usual[key] != value}
    return RowDescription(
        recipe=name_of(recipe),
        row=row_name,
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


def weights_path(weights: str, runs: Path = Path("runs")) -> Path:
    """A run's folder or a weights file: a path, or RECIPE/ROW among the runs.

    Raises:
        DarkroomError: there is neither.
    """
    for path in (Path(weights), runs / weights):
        if path.exists():
            return path
    recipe, _, row_name = weights.partition("/")
    trainable = recipe in names() and row_name in find(recipe).ROWS
    remedy = (
        f"train it first with `darkroom train {recipe} {row_name}`" if trainable else "give a run's folder or a weights file"
    )
    raise DarkroomError(f"no weights at {weights} or {runs / weights}: {remedy}")


def kind_of(path: Path) -> str:
    """What a run's folder or a weights file holds: "restoration", "scene", "generator", "backbone", or "" for other programs' files.

    Raises:
        DarkroomError: it cannot be read.
    """
    if path.is_dir():
        return RunFolder(path).read().kind
    return str(weights.read_header(path).get("kind", "")) if path.suffix == ".safetensors" and path.is_file() else ""


def load(path: Path, recipe: str | None = None) -> nn.Module:
    """What a run's folder or a weights file holds: a network, ready to use, or the method of a scene.

    Args:
        path: a run's folder, a weights file of Darkroom's, or another program's checkpoint of a restoration network.
        recipe: path of the recipe's file, for weights of a recipe outside the package.

    Raises:
        DarkroomError: there is nothing, or it cannot be read.
    """
    if path.is_dir():
        path = RunFolder(path).weights()
    if path.suffix == ".safetensors":
        state, header = weights.load(path)
        if "recipe" in header:
            run = _filled(path, state, header, recipe)
            return (run.network if run.network is not None else run.method).eval()
    return foreign.read(path).eval()


def trained(path: Path, recipe: str | None = None) -> Run:
    """The run of a run's folder or a weights file of Darkroom's, with its weights loaded; arguments as for `load`.

    Raises:
        DarkroomError: there is nothing, or it cannot be read.
    """
    path = RunFolder(path).weights() if path.is_dir() else path
    state, header = weights.load(path)
    return _filled(path, state, header, recipe)


def network(path: Path, recipe: str | None = None) -> RestorationNetwork:
    """The restoration network of a run's folder, a weights file, or another program's checkpoint; arguments as for `load`.

    Raises:
        DarkroomError: there is nothing, it cannot be read, or it is not a restoration network.
    """
    kind = kind_of(path)
    if kind not in ("restoration", ""):
        raise DarkroomError(f"{path} holds a {kind}, not a network that restores images")
    found = load(path, recipe)
    if not isinstance(found, RestorationNetwork):
        raise DarkroomError(f"{path} holds no network that restores images: its recipe trains none")
    return found


def scene(path: Path, recipe: str | None = None) -> tuple[RadianceMethod, int]:
    """The learned scene of a run's folder (its latest checkpoint) or of a weights file, and the step it is from.

    Raises:
        DarkroomError: there is nothing yet, it cannot be read, or it holds no scene.
    """
    if kind_of(path) != "scene":
        raise DarkroomError(f"{path} holds no scene; a scene is trained by `darkroom train dvgo` or `darkroom train nerf`")
    folder = RunFolder(path)
    if path.is_dir() and folder.last.exists():
        record, saved = folder.read(), checkpoint.load(folder.last)
        state, step = saved["method"], saved["step"]
        header = {"recipe": record.recipe, "settings": record.settings}
    else:
        state, header = weights.load(folder.weights() if path.is_dir() else path)
        step = header.get("step", 0)
    method = _filled(path, state, header, recipe).method
    assert isinstance(method, RadianceMethod)
    return method.eval(), int(step)


def training_scene(path: Path, recipe: str | None = None) -> Scene:
    """The photographs that a scene was trained on.

    Raises:
        DarkroomError: they are not there.
    """
    if path.is_dir():
        record = RunFolder(path).read()
        header = {"recipe": record.recipe, "settings": record.settings}
    else:
        header = weights.read_header(path)
    stream = _built(path, header, recipe).stream
    if not isinstance(stream, RayStream):
        raise DarkroomError(f"{path} was not trained on a scene")
    return stream.find()


def _built(path: Path, header: Mapping[str, Any], recipe: str | None) -> Run:
    name, settings = header.get("recipe"), header.get("settings")
    if not isinstance(name, str) or not isinstance(settings, dict):
        raise DarkroomError(f"{path} does not say which recipe and settings its weights belong to")
    if recipe is None and name not in names() and name not in _OUTSIDE:
        raise DarkroomError(f"{path} was trained by the recipe {name}, which is not part of Darkroom: add --recipe {name}.py")
    return build(recipe or name, settings)


def _filled(path: Path, state: Mapping[str, Tensor], header: Mapping[str, Any], recipe: str | None) -> Run:
    run = _built(path, header, recipe)
    _fill(run.method, state, path, str(header["recipe"]))
    return run


def _fill(method: Method, state: Mapping[str, Tensor], path: Path, recipe: str) -> None:
    try:
        method.load_state_dict(state)
    except (RuntimeError, KeyError) as error:
        raise DarkroomError(f"{path} does not fit its own recipe {recipe}: {str(error).splitlines()[-1].strip()}") from error
