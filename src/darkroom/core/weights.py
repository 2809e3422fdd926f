"""Weights on disk: tensors and plain JSON; reading executes nothing."""

import json
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.files import replacing


def save(path: Path, state: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors as safetensors, with `header` as JSON in the file's own header.

    One file, so that weights cannot be separated from their description. The header of a run's weights has

    - "kind": what they are of: "restoration", "scene", "generator" or "backbone" (see `engine.run.Kind`);
    - "recipe", "row", "settings": what builds the network again;
    - "step": of the training.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    content = safetensors.torch.save(tensors, metadata={"darkroom": json.dumps(header)})
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote: `(tensors, header)`; the header is empty for another program's safetensors.

    Raises:
        DarkroomError: the file is missing, cut off, or not safetensors.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, _header(file)  # noqa: SIM118


def read_header(path: Path) -> dict[str, Any]:
    """The header of what `save` wrote, without reading the tensors.

    Raises:
        DarkroomError: the file is missing, cut off, or not safetensors.
    """
    with _opened(path) as file:
        return _header(file)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    _require(path)
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            yield file
    except (safetensors.SafetensorError, json.JSONDecodeError) as error:
        raise DarkroomError(f"{path} is not a whole safetensors file ({error})") from error


def _header(file: Any) -> dict[str, Any]:
    return json.loads((file.metadata() or {}).get("darkroom", "{}"))  # type: ignore[no-any-return]


def load_pickled(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a `.pth` file without executing anything in it.

    Common wrappers are removed: an entry `params_ema`, `params`, `state_dict` or `model` around the tensors, and a prefix
    `module.` (from data-parallel training) before every name.

    Raises:
        DarkroomError: the file is missing or unreadable, contains code, or holds no tensors.
    """
    _require(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # broken files raise every kind of exception
        if not isinstance(error, pickle.UnpicklingError) or "unsupported" not in str(error).lower():
            raise DarkroomError(f"{path} cannot be read as PyTorch weights ({_first_line(error)})") from error
        raise DarkroomError(
            f"{path} contains code that would run when it is read, which is refused; "
            "save only its state_dict() with the program that made it"
        ) from error
    for wrapper in ("params_ema", "params", "state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    if not isinstance(content, dict):
        raise DarkroomError(f"{path} holds a {type(content).__name__}, not a dictionary of named tensors")
    state = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not state:
        raise DarkroomError(f"{path} holds no tensors")
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    return state


def _require(path: Path) -> None:
    if not path.is_file():
        raise DarkroomError(f"no weights file at {path}")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
