"""The types of settings and options, checked where values do not come from the command line's parser."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from darkroom.core.errors import DarkroomError


def check_types(function: Callable[..., Any], settings: Mapping[str, Any]) -> None:
    """`check_type` of every setting that a recipe's signature, or a field of its options, annotates with a type."""
    for name, hint in _hints(function).items():
        if name in settings:
            check_type(name, settings[name], hint)


def check_type(name: str, value: Any, hint: Any) -> None:
    """Raise if a value is not of a type; integers count as floats, lists as tuples, and unknown types as anything.

    Raises:
        DarkroomError: with the option, the value and the type.

    Example:
        >>> check_type("sigma", (0, 55.0), float | tuple[float, float])
        >>> check_type("steps", 2.5, int)
        Traceback (most recent call last):
        darkroom.core.errors.DarkroomError: --steps 2.5: must be an integer
    """
    if not _fits(value, hint):
        raise DarkroomError(f"--{name.replace('_', '-')} {str(value)[:80]}: must be {_spelled(hint)}")


_WORDS = {int: "an integer", float: "a number", str: "a word", bool: "true or false", type(None): "none"}


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The type of every setting by its name."""
    hints, found = typing.get_type_hints(function), dict[str, Any]()
    for name, parameter in inspect.signature(function).parameters.items():
        if dataclasses.is_dataclass(parameter.default):
            found |= typing.get_type_hints(type(parameter.default))
        elif name in hints:
            found[name] = hints[name]
    return found


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, choice) for choice in inner)
    if origin is typing.Literal:
        return value in inner
    if origin is tuple:
        kinds = inner[:1] * len(value) if inner[-1:] == (...,) and isinstance(value, tuple | list) else inner
        return isinstance(value, tuple | list) and len(value) == len(kinds) and all(map(_fits, value, kinds))
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint if hint in _WORDS else True


def _spelled(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_spelled, inner))
    if origin is typing.Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin is tuple:
        return (
            f"several, each {_spelled(inner[0])}"
            if inner[-1:] == (...,)
            else f"{len(inner)} values ({', '.join(map(_spelled, inner))})"
        )
    return _WORDS.get(hint, str(hint))
