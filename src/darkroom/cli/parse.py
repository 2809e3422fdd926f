"""From a typed signature or dataclass to parsed values; a mistake is one line."""

import contextlib
import dataclasses
import functools
import inspect
import io
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import tyro

from darkroom.cli.descriptions import described
from darkroom.cli.words import split_numbers, unknown_option
from darkroom.core.errors import DarkroomError
from darkroom.recipes.ranges import SETTINGS, Range, check_fields, declared

T = TypeVar("T")


def parse(target: Callable[..., T], arguments: Sequence[str], command: str, description: str | None = None) -> T:
    """Call a function or a dataclass with the values of the arguments.

    Raises:
        DarkroomError: the arguments do not fit; tyro's explanation, in one line. Or a number is outside the range that a field of
            the dataclass declares.
    """
    if dataclasses.is_dataclass(target) and declared(target):
        target = documented(target)
    arguments = split_numbers(arguments, target)
    help_requested = bool({"-h", "--help"} & set(arguments))
    errors = io.StringIO()
    try:
        with contextlib.nullcontext() if help_requested else contextlib.redirect_stderr(errors):
            values = tyro.cli(
                _deferred(target) if not dataclasses.is_dataclass(target) else target,
                args=arguments,
                prog=f"darkroom {command}",
                description=description or _without_arguments(target),
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
            )
    except SystemExit as stopped:
        if help_requested or not errors.getvalue():
            raise
        unknown = unknown_option(arguments, target) if "Unrecognized" in errors.getvalue() else None
        raise DarkroomError(f"{unknown or _one_line(errors.getvalue())} (see `darkroom {command} --help`)") from stopped
    if not dataclasses.is_dataclass(target):
        return values()  # type: ignore[operator,return-value]
    check_fields(values)
    return values  # type: ignore[return-value]


def documented(kind: Any, ranges: Mapping[str, Range] | None = None) -> Any:
    """A subclass of a dataclass whose help texts say the ranges of its fields.

    Args:
        kind: a dataclass with a help text for every field.
        ranges: by field; by default those that its annotations declare.
    """
    words = described(kind)
    hints = typing.get_type_hints(kind, include_extras=True)
    ranges = {**(ranges or {}), **declared(kind)}
    fields = []
    for field in dataclasses.fields(kind):
        if field.name in ranges:
            default = {} if field.default is dataclasses.MISSING else {"default": field.default}
            hint: Any = Annotated[hints[field.name], _help(words.get(field.name, ""), ranges[field.name])]  # type: ignore[valid-type]
            fields.append((field.name, hint, dataclasses.field(**default)))  # type: ignore[call-overload]
    made = dataclasses.make_dataclass(kind.__name__, fields, bases=(kind,), frozen=kind.__dataclass_params__.frozen)
    made.__doc__ = kind.__doc__
    return made


def _help(words: str, allowed: Range | None) -> Any:
    """The help text of an option: its description, and its range."""
    return tyro.conf.arg(help=f"{words} [{allowed}]" if allowed else words)


def with_defaults(function: Callable[..., Any], values: Mapping[str, Any], name: str) -> type:
    """A dataclass with a function's parameters as fields.

    Help texts are those of the docstring; parameters that are dataclasses stay nested, with the help texts of their own fields.

    Args:
        function: has a default for every parameter.
        values: the default values instead, flat: those of nested dataclasses by the names of their fields.
        name: of the dataclass.
    """
    words = described(function)
    hints = typing.get_type_hints(function)
    fields = []
    for key, parameter in inspect.signature(function).parameters.items():
        kind = documented(type(parameter.default), SETTINGS) if dataclasses.is_dataclass(parameter.default) else None
        default = functools.partial(_default, kind, key, values)
        allowed = SETTINGS.get(key) if _is_number(parameter.default) else None
        hint: Any = kind or Annotated[hints[key], _help(words.get(key, ""), allowed)]  # type: ignore[valid-type]
        fields.append((key, hint, dataclasses.field(default_factory=default)))
    return dataclasses.make_dataclass(name, fields)


def flat(values: Any) -> dict[str, Any]:
    """The fields of a dataclass with those of nested dataclasses among them."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(values):
        value = getattr(values, field.name)
        found |= flat(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return found


def _default(kind: type | None, key: str, values: Mapping[str, Any]) -> Any:
    if kind is None:
        return values[key]
    return kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})  # type: ignore[arg-type]


def _is_number(default: Any) -> bool:
    return default is None or isinstance(default, int | float | tuple)


def _deferred(function: Callable[..., T]) -> Callable[..., Callable[[], T]]:
    """The function with its call deferred, so that its output and errors are not taken for the parser's."""

    def defer(*positional: Any, **named: Any) -> Callable[[], T]:
        return lambda: function(*positional, **named)

    defer.__doc__, defer.__name__ = function.__doc__, function.__name__
    defer.__annotations__ = {**typing.get_type_hints(function, include_extras=True), "return": Any}
    defer.__signature__ = inspect.signature(function).replace(return_annotation=Any)  # type: ignore[attr-defined]
    return defer


def _without_arguments(target: Callable[..., Any]) -> str:
    """The docstring without its list of arguments, which is shown with the options."""
    return (inspect.getdoc(target) or "").split("\nArgs:")[0].strip()


def _one_line(text: str) -> str:
    """The words of tyro's box: without its title, and up to its first rule, below which the help stands."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    words = list[str]()
    for line in plain.splitlines():
        if re.fullmatch(r"│\s*─{3,}\s*│", line.strip()):
            break
        words += [] if line.startswith(("╭", "╰")) else [line.strip("│ ")]
    found = " ".join(" ".join(words).split())
    parsed = re.match(r"Error parsing (\S+): .*(for int\(\)|to float).*: '([^']*)'$", found)
    if parsed:
        number = "a whole number" if parsed[2] == "for int()" else "a number"
        return f"{parsed[1]} takes {number}, given {parsed[3]!r}"
    return found or "the arguments do not fit"
