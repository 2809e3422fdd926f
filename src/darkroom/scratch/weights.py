"""Parameters on disk in the safetensors format: header length, JSON header, data. Nothing in a file is executed."""

import json
import os
from pathlib import Path

import torch
from torch import Tensor

from darkroom.scratch.module import FrameworkError, Module

_DTYPES = {"torch.float32": "F32", "torch.float64": "F64"}


def save(module: Module, path: Path) -> None:
    """Write a module's parameters, named "0", "1", … in the order of `param`. The file is written completely or not at all."""
    header, content, end = {}, [], 0
    for number, (parameter, _) in enumerate(module.param()):
        data = parameter.cpu().contiguous().numpy().tobytes()
        header[str(number)] = {
            "dtype": _DTYPES[str(parameter.dtype)],
            "shape": list(parameter.shape),
            "data_offsets": [end, end + len(data)],
        }
        content.append(data)
        end += len(data)
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(len(encoded).to_bytes(8, "little") + encoded + b"".join(content))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load(module: Module, path: Path) -> None:
    """Read parameters written by `save` into a module of the same architecture.

    Raises:
        FrameworkError: the file is damaged or of another architecture; the module is unchanged.
    """
    content = path.read_bytes()
    try:
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        entries = [header[str(number)] for number in range(len(module.param()))]
        found = [(entry["dtype"], tuple(entry["shape"])) for entry in entries]
        pieces = [content[8 + length :][begin:end] for begin, end in (entry["data_offsets"] for entry in entries)]
    except (ValueError, KeyError, TypeError) as error:
        raise FrameworkError(
            f"{path} does not hold {len(module.param())} parameters ({type(error).__name__}: {error})"
        ) from error
    expected = [(_DTYPES[str(parameter.dtype)], tuple(parameter.shape)) for parameter, _ in module.param()]
    sizes = [parameter.numel() * parameter.element_size() for parameter, _ in module.param()]
    if found != expected or [len(piece) for piece in pieces] != sizes or len(header) != len(expected):
        raise FrameworkError(f"{path} holds parameters {found}, and {type(module).__name__} has {expected}")
    for (parameter, _), piece in zip(module.param(), pieces, strict=True):
        parameter.copy_(_from_bytes(parameter, piece))


def _from_bytes(like: Tensor, piece: bytes) -> Tensor:
    """A tensor of the shape and type of another, from its bytes."""
    tensor = torch.empty(like.shape, dtype=like.dtype)
    if piece:
        memoryview(tensor.numpy()).cast("B")[:] = piece  # type: ignore[arg-type]
    return tensor
