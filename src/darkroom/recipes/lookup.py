"""Recipes by the name of their file, and networks by the weights they left."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from darkroom import recipes
from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Method
from darkroom.core.network import RestorationNetwork
from darkroom.engine import checkpoint
from darkroom.engine.folder import RunFolder
from darkroom.engine.run import Published, Run, Study
from darkroom.methods.radiance import RadianceMethod
from darkroom.networks import foreign
from darkroom.radiance.rays import RayStream
from darkroom.radiance.scenes import Scene


@runtime_checkable
class Recipe(Protocol):
    """What a file in `recipes/` has: rows, published numbers, and the function whose signature is the configuration.

    A recipe may also have `STUDIES`, a tuple of `engine.run.Study` that the report draws.
    """

    ROWS: Mapping[str, Mapping[str, Any]]
    PUBLISHED: Mapping[str, list[Published]]
    PROTOCOL: frozenset[str]
    __doc__: str

    def recipe(self, **settings: Any) -> Run: ...


def studies(name: str) -> tuple[Study, ...]:
    """What a recipe's rows answer together, if anything."""
    return getattr(find(name), "STUDIES", ())


def names() -> list[str]:
    """Every recipe: a file of this folder that has rows."""
    files = pkgutil.iter_modules(recipes.__path__)
    return sorted(file.name for file in files if not file.ispkg and file.name != "lookup")


def find(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        DarkroomError: there is none.
    """
    if name not in names():
        raise DarkroomError(f"no recipe {name!r}; there are {', '.join(names())} (see `darkroom list`)")
    return importlib.import_module(f"darkroom.recipes.{name}")  # type: ignore[return-value]


def row(name: str, row: str) -> dict[str, Any]:
    """Every setting of a row: the recipe's defaults, and what the row changes.

    Raises:
        DarkroomError: there is no such row.
    """
    found = find(name)
    if row not in found.ROWS:
        raise DarkroomError(f"recipe {name} has no row {row!r}; there are {', '.join(found.ROWS)}")
    defaults = {key: parameter.default for key, parameter in inspect.signature(found.recipe).parameters.items()}
    return {**defaults, **found.ROWS[row]}


def build(name: str, settings: Mapping[str, Any]) -> Run:
    """The run that a recipe makes of settings (lists, as JSON has them, become tuples).

    Raises:
        DarkroomError: there is no such recipe, or it has no such setting.
    """
    found = find(name)
    unknown = set(settings) - set(inspect.signature(found.recipe).parameters)
    if unknown:
        raise DarkroomError(f"recipe {name} has no setting {', '.join(sorted(unknown))}; was it written by another version?")
    return found.recipe(**{key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()})


def is_scene(path: Path) -> bool:
    """Whether a run's folder or a weights file holds a learned scene."""
    if not (RunFolder(path).description.exists() or (path.suffix == ".safetensors" and path.is_file())):
        return False
    config = _described(path)
    return "recipe" in config and isinstance(build(config["recipe"], config["settings"]).method, RadianceMethod)


def scene(path: Path) -> tuple[RadianceMethod, int]:
    """The learned scene of a run's folder (as training last saved it) or of a weights file, and the step it is from.

    Raises:
        DarkroomError: there is nothing there yet, it cannot be read, or it holds no scene.
    """
    folder = RunFolder(path)
    if path.is_dir() and folder.last.exists():
        config, saved = folder.read(), checkpoint.load(folder.last)
        state, step = saved["method"], saved["step"]
    else:
        state, config = weights.load(folder.weights() if path.is_dir() else path)
        step = config.get("step", 0)
    method = build(config["recipe"], config["settings"]).method if "recipe" in config else None
    if not isinstance(method, RadianceMethod):
        raise DarkroomError(f"{path} holds no scene; a scene is trained by darkroom train dvgo or nerf")
    _fill(method, state, path, config["recipe"])
    return method.eval(), int(step)


def scene_of(path: Path) -> Scene:
    """The photographs that a scene was learned from.

    Raises:
        DarkroomError: they are not there, or it was learned from none.
    """
    config = _described(path)
    stream = build(config["recipe"], config["settings"]).stream if "recipe" in config else None
    if not isinstance(stream, RayStream):
        raise DarkroomError(f"{path} was learned from no scene")
    return stream.find()


def _described(path: Path) -> dict[str, Any]:
    """Recipe, row and settings of a run's folder or a weights file, as they were written down."""
    return RunFolder(path).read() if path.is_dir() else weights.described(path)


def _fill(method: Method, state: Mapping[str, Tensor], path: Path, recipe: str) -> None:
    try:
        method.load_state_dict(state)
    except (RuntimeError, KeyError) as error:
        raise DarkroomError(f"{path} does not fit its own recipe {recipe}: {str(error).splitlines()[-1].strip()}") from error


def network(path: Path) -> RestorationNetwork:
    """The image-to-image network of a run's folder, a weights file of ours, or somebody else's checkpoint.

    Raises:
        DarkroomError: there is nothing there, it cannot be read, or it restores no images.
    """
    if path.is_dir():
        path = RunFolder(path).weights()
    if path.suffix == ".safetensors":
        state, config = weights.load(path)
        if "recipe" in config:
            run = build(config["recipe"], config["settings"])
            _fill(run.method, state, path, config["recipe"])
            if run.restorer is None:
                raise DarkroomError(f"{path}: recipe {config['recipe']} makes no network that restores images")
            return run.restorer
    return foreign.read(path)
