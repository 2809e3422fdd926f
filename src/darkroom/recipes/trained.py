"""What was trained, by its weights: networks, scenes and whole runs, from a run's folder or a weights file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from darkroom.core import weights
from darkroom.core.allocation import limited_by
from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.engine import checkpoint
from darkroom.engine.folder import RunFolder, weights_file
from darkroom.engine.run import Run
from darkroom.methods.radiance import RadianceMethod
from darkroom.networks import foreign
from darkroom.networks.kernel_net import KernelNet
from darkroom.radiance.rays import RayStream
from darkroom.radiance.scenes import Scene
from darkroom.recipes import lookup
from darkroom.recipes.paths import weights_path

__all__ = ["kind_of", "load", "network", "restoring", "run", "scene", "training_scene", "weights_path"]


def kind_of(path: Path) -> str:
    """What a run's folder or a weights file holds: "restoration", "scene", "generator", "backbone", or "" for other programs' files.

    Raises:
        DarkroomError: it cannot be read.
    """
    if path.is_dir():
        return RunFolder(path).read().kind
    return str(weights.read_header(path).get("kind", "")) if path.is_file() and weights.is_safetensors(path) else ""


def run(path: Path, recipe: str | None = None) -> Run:
    """The run of which a run's folder or a weights file of Darkroom's holds the weights, its method with these weights.

    Args:
        path: a run's folder or a weights file.
        recipe: path of the recipe's file, for weights of a recipe outside the package.

    Raises:
        DarkroomError: there is nothing, it cannot be read, or it is another program's.
    """
    file = weights_file(path)
    state, header = weights.load(file)
    return _filled(file, state, header, recipe)


def load(path: Path, recipe: str | None = None) -> nn.Module:
    """What a run's folder or a weights file holds: a network, ready to use, or the method of a scene.

    Args:
        path: a run's folder, a weights file of Darkroom's, or another program's checkpoint of a restoration network.
        recipe: path of the recipe's file, for weights of a recipe outside the package.

    Raises:
        DarkroomError: there is nothing, or it cannot be read.
    """
    file = weights_file(path)
    if file.is_file() and weights.is_safetensors(file) and "recipe" in weights.read_header(file):
        found = run(file, recipe)
        return (found.network if found.network is not None else found.method).eval()
    return foreign.read(file).eval()


def network(path: Path, recipe: str | None = None) -> RestorationNetwork:
    """The restoration network of a run's folder, a weights file, or another program's checkpoint; arguments as for `load`.

    Raises:
        DarkroomError: there is nothing, it cannot be read, or it is not a restoration network.
    """
    found = restoring(path, recipe)
    if isinstance(found, KernelNet):
        raise DarkroomError(f"{path} holds a kernel network, not a network that restores images by itself")
    return found


def restoring(path: Path, recipe: str | None = None) -> RestorationNetwork | KernelNet:
    """What images are restored with: a restoration network, or a kernel network for blind deblurring; arguments as for `load`.

    Raises:
        DarkroomError: there is nothing, it cannot be read, or it is neither.
    """
    kind = kind_of(path)
    if kind not in ("restoration", "kernel network", ""):
        raise DarkroomError(f"{path} holds a {kind}, not a network that restores images")
    found = load(path, recipe)
    if not isinstance(found, RestorationNetwork | KernelNet):
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
        file, header, saved = folder.last, _described(path), checkpoint.load(folder.last)
        if not saved.keys() >= {"method", "step"}:
            raise DarkroomError(f"{folder.last} is not a checkpoint of a training")
        state, step = saved["method"], saved["step"]
    else:
        file = weights_file(path)
        state, header = weights.load(file)
        step = header.get("step", 0)
    method = _filled(file, state, header, recipe).method
    if not isinstance(method, RadianceMethod):
        raise DarkroomError(f"{path} holds no scene: its recipe {header['recipe']} trains none")
    return method.eval(), step if isinstance(step, int) else 0


def training_scene(path: Path, recipe: str | None = None) -> Scene:
    """The photographs that a scene was trained on.

    Raises:
        DarkroomError: they are not there.
    """
    header = _described(path) if path.is_dir() else weights.read_header(path)
    stream = _built(path, header, recipe).stream
    if not isinstance(stream, RayStream):
        raise DarkroomError(f"{path} was not trained on a scene")
    return stream.find()


def _described(folder: Path) -> dict[str, Any]:
    record = RunFolder(folder).read()
    return {"recipe": record.recipe, "settings": record.settings}


def _built(path: Path, header: Mapping[str, Any], recipe: str | None) -> Run:
    """The run of a header, with untrained networks; what it may take is limited by the size of its file."""
    name, settings = header.get("recipe"), header.get("settings")
    if not isinstance(name, str) or not isinstance(settings, dict):
        raise DarkroomError(f"{path} does not say which recipe and settings its weights belong to")
    if recipe is None and not lookup.known(name):
        raise DarkroomError(f"{path} was trained by the recipe {name}, which is not part of Darkroom: add --recipe {name}.py")
    try:
        with limited_by(path):
            return lookup.build(recipe or name, settings)
    except DarkroomError:
        raise
    except Exception as error:  # settings of the wrong type or value fail anywhere
        line = next(iter(str(error).splitlines()), "")
        raise DarkroomError(
            f"{path} has settings that its recipe {name} cannot be built with: {type(error).__name__}: {line}"
        ) from error


def _filled(path: Path, state: Mapping[str, Tensor], header: Mapping[str, Any], recipe: str | None) -> Run:
    found = _built(path, header, recipe)
    try:
        found.method.load_state_dict(state)
    except (RuntimeError, KeyError) as error:
        raise DarkroomError(
            f"{path} does not fit its own recipe {header['recipe']}: {str(error).splitlines()[-1].strip()}"
        ) from error
    return found
