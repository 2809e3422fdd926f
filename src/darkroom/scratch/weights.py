"""Parameters on disk, in the safetensors format: a length, a JSON header, and bytes; nothing in it executes."""

import json
import os
from pathlib import Path

import torch
from torch import Tensor

from darkroom.scratch.module import Misfit, Module

_NAMES = {"torch.float32": "F32", "torch.float64": "F64"}


def save(module: Module, path: Path) -> None:
    """Write a module's parameters, numbered in the order of `param`, whole or not at all."""
    header, content, end = {}, [], 0
    for number, (parameter, _) in enumerate(module.param()):
        data = parameter.cpu().contiguous().numpy().tobytes()
        header[str(number)] = {
            "dtype": _NAMES[str(parameter.dtype)],
            "shape": list(parameter.shape),
            "data_offsets": [end, end + len(data)],
        }
        content.append(data)
        end += len(data)
    words = json.dumps(header).encode()
    words += b" " * (-len(words) % 8)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(len(words).to_bytes(8, "little") + words + b"".join(content))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load(module: Module, path: Path) -> None:
    """Read parameters that `save` wrote into a module of the same build.

    Raises:
        Misfit: the file is broken, or belongs to another build; the module is as it was.
    """
    content = path.read_bytes()
    try:
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        entries = [header[str(number)] for number in range(len(module.param()))]
        found = [(entry["dtype"], tuple(entry["shape"])) for entry in entries]
        pieces = [content[8 + length :][begin:end] for begin, end in (entry["data_offsets"] for entry in entries)]
    except (ValueError, KeyError, TypeError) as error:
        raise Misfit(f"{path} does not hold {len(module.param())} parameters ({type(error).__name__}: {error})") from error
    wanted = [(_NAMES[str(parameter.dtype)], tuple(parameter.shape)) for parameter, _ in module.param()]
    sizes = [parameter.numel() * parameter.element_size() for parameter, _ in module.param()]
    if found != wanted or [len(piece) for piece in pieces] != sizes or len(header) != len(wanted):
        raise Misfit(f"{path} holds parameters {found}, and {type(module).__name__} has {wanted}")
    for (parameter, _), piece in zip(module.param(), pieces, strict=True):
        parameter.copy_(_filled(parameter, piece))


def _filled(like: Tensor, piece: bytes) -> Tensor:
    """A tensor like another, with these bytes as its numbers."""
    tensor = torch.empty(like.shape, dtype=like.dtype)
    if piece:
        memoryview(tensor.numpy()).cast("B")[:] = piece  # type: ignore[arg-type]
    return tensor
