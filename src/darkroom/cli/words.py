"""Words of the command line: lists of numbers with commas, and names of options that do not exist."""

import dataclasses
import difflib
import inspect
import types
import typing
from collections.abc import Sequence
from typing import Annotated, Any


def split_numbers(arguments: Sequence[str], target: Any) -> list[str]:
    """The arguments with `15,25` as `15 25` after options that take several numbers.

    Args:
        arguments: words of the command line.
        target: the dataclass or function that they are parsed for.

    Example:
        >>> def evaluate(test_sigmas: tuple[float, ...], name: str): ...
        >>> split_numbers(["--test-sigmas", "15,25", "50", "--name=a,b"], evaluate)
        ['--test-sigmas', '15', '25', '50', '--name=a,b']
    """
    lists = {name for name, hint in options_of(target).items() if _takes_numbers(hint)}
    found, is_list = list[str](), False
    for word in arguments:
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            is_list = _plain(name) in lists
            found += [name, *_parts(value)] if is_list and equals else [word]
        else:
            found += _parts(word) if is_list else [word]
    return found


def unknown_option(arguments: Sequence[str], target: Any) -> str | None:
    """One line about the first option that does not exist, with the nearest that does; None if all exist.

    Example:
        >>> def train(lr: float, batch_size: int): ...
        >>> unknown_option(["--learning-rate", "1"], train), unknown_option(["--batchsize", "1"], train)
        ('no option --learning-rate; did you mean --lr?', 'no option --batchsize; did you mean --batch-size?')
    """
    hints = options_of(target)
    names = [*hints, *(f"no-{name}" for name, hint in hints.items() if _is_flag(hint))]
    for word in arguments:
        name = _plain(word.partition("=")[0])
        if word.startswith("--") and name not in names:
            near = _nearest(name, names)
            return f"no option {word.partition('=')[0]}" + (f"; did you mean --{near}?" if near else "")
    return None


def options_of(target: Any) -> dict[str, Any]:
    """The type of every option of a dataclass or function by its name; options of nested dataclasses are among them."""
    hints = typing.get_type_hints(target, include_extras=True)
    is_dataclass = dataclasses.is_dataclass(target)
    names = [field.name for field in dataclasses.fields(target)] if is_dataclass else list(inspect.signature(target).parameters)
    found: dict[str, Any] = {}
    for name in names:
        found |= options_of(hints[name]) if dataclasses.is_dataclass(hints[name]) else {_plain(name): hints[name]}
    return found


def _nearest(name: str, names: Sequence[str]) -> str | None:
    """The most similar name, or the one that abbreviates it by initials, or that it abbreviates."""
    initials = [other for other in names if _initials(name) == other or _initials(other) == name]
    return next(iter([*initials, *difflib.get_close_matches(name, names, 1), *(n for n in names if n.startswith(name))]), None)


def _initials(name: str) -> str:
    return "".join(part[:1] for part in name.split("-"))


def _plain(name: str) -> str:
    """An option's name as it is written: hyphens, no dashes before it, no underscore behind."""
    return name.lstrip("-").rstrip("_").replace("_", "-")


def _parts(word: str) -> list[str]:
    return [part for part in word.split(",") if part]


def _is_flag(hint: Any) -> bool:
    """Whether a type is, or may be, true or false."""
    return hint is bool or any(map(_is_flag, typing.get_args(hint)))


def _takes_numbers(hint: Any) -> bool:
    """Whether a type is, or may be, a tuple of numbers."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _takes_numbers(inner[0])
    if origin in (typing.Union, types.UnionType):
        return any(map(_takes_numbers, inner))
    return origin is tuple and inner[0] in (int, float)
