"""Digests of predictors: functions and what they are made of, to recognise a baseline that has been evaluated before."""

import dataclasses
import functools
import hashlib
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Unidentifiable(Exception):
    """A predictor is made of something that has no digest, for example a network."""


def predictor_digest(predictor: Any) -> str | None:
    """A digest of a function and of everything it is made of, or None if that cannot be determined.

    It covers the source file that each part is defined in, the function's code, defaults and closure, the fields of dataclass
    instances, and numbers, words, paths and tensors among them. Functions that are called by their global name are covered by
    source file only where they are in the same file.

    Example:
        >>> def scale(factor):
        ...     return lambda batch: factor * batch
        >>> predictor_digest(scale(2)) == predictor_digest(scale(2)), predictor_digest(scale(2)) == predictor_digest(scale(3))
        (True, False)
        >>> predictor_digest(torch.nn.Identity()) is None
        True
    """
    state = hashlib.blake2b(digest_size=16)
    try:
        for part in _parts(predictor, set()):
            state.update(f"{len(part)}:".encode() + part)
    except Unidentifiable:
        return None
    return state.hexdigest()


def _parts(x: Any, seen: set[int]) -> Iterator[bytes]:
    """The bytes that identify an object, one part after the other."""
    if x is None or isinstance(x, bool | int | float | complex | str | bytes | Path | torch.dtype | torch.device):
        yield f"{type(x).__name__} {x!r}".encode()
    elif id(x) in seen:
        yield b"seen"
    elif isinstance(x, torch.Tensor | np.ndarray):
        array = np.asarray(x.detach().cpu() if isinstance(x, torch.Tensor) else x)
        yield f"{array.dtype} {array.shape}".encode() + array.tobytes()
    elif isinstance(x, type | types.ModuleType | types.BuiltinFunctionType):
        module = getattr(x, "__module__", None) or ""
        yield f"{module}.{getattr(x, '__qualname__', x.__name__)}".encode()
        yield from _source(_file_of(module))
    else:
        yield from _compound(x, seen | {id(x)})


def _compound(x: Any, seen: set[int]) -> Iterator[bytes]:
    if isinstance(x, types.FunctionType) and _is_type_check(x):
        pieces: list[Any] = [x.__wrapped__]  # type: ignore[attr-defined]
    elif isinstance(x, types.FunctionType):
        yield f"function {x.__module__}.{x.__qualname__}".encode()
        yield from _source(x.__code__.co_filename)
        yield from _code(x.__code__)
        pieces = [*_closure(x), *(x.__defaults__ or ()), x.__kwdefaults__ or {}]
    elif isinstance(x, types.MethodType):
        pieces = [x.__func__, x.__self__]
    elif isinstance(x, functools.partial):
        pieces = ["partial", x.func, list(x.args), x.keywords]
    elif isinstance(x, list | tuple):
        pieces = [type(x).__name__, len(x), *x]
    elif isinstance(x, set | frozenset):
        pieces = [type(x).__name__, *sorted(x, key=repr)]
    elif isinstance(x, Mapping):
        pieces = [len(x), *x.items()]
    elif dataclasses.is_dataclass(x):
        pieces = [type(x), *(getattr(x, field.name) for field in dataclasses.fields(x))]
    else:
        raise Unidentifiable(f"{type(x).__qualname__} has no digest")
    for piece in pieces:
        yield from _parts(piece, seen)


def _is_type_check(function: types.FunctionType) -> bool:
    """Whether it is the wrapper of jaxtyping or beartype, which checks types and changes nothing."""
    file = function.__code__.co_filename
    return hasattr(function, "__wrapped__") and ("jaxtyping" in Path(file).parts or file.startswith("<@beartype"))


def _closure(function: types.FunctionType) -> list[Any]:
    try:
        return [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError as error:
        raise Unidentifiable(f"the closure of {function.__qualname__} is incomplete") from error


def _code(code: types.CodeType) -> Iterator[bytes]:
    """The code of a function, with that of the functions in it."""
    yield code.co_code
    yield repr(code.co_names).encode()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant)
        elif isinstance(constant, frozenset):
            yield repr(sorted(map(repr, constant))).encode()
        else:
            yield repr(constant).encode()


def _source(file: str | None) -> Iterator[bytes]:
    """The digest of a source file, if it is one."""
    if file and Path(file).is_file():
        yield hashlib.blake2b(Path(file).read_bytes(), digest_size=16).digest()


def _file_of(module: str) -> str | None:
    return getattr(sys.modules.get(module), "__file__", None)
