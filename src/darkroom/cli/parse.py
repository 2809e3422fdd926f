"""From a typed signature to parsed values, with a mistake said in one line."""

import contextlib
import dataclasses
import inspect
import io
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import docstring_parser
import tyro

from darkroom.core.errors import DarkroomError

T = TypeVar("T")


def parse(target: Callable[..., T], arguments: Sequence[str], command: str, description: str | None = None) -> T:
    """Call `target` (a function or a dataclass) with what the arguments say.

    Raises:
        DarkroomError: the arguments do not fit; tyro's explanation, in one line.
    """
    asks_for_help = bool({"-h", "--help"} & set(arguments))
    said = io.StringIO()
    try:
        with contextlib.nullcontext() if asks_for_help else contextlib.redirect_stderr(said):
            values = tyro.cli(
                _held(target) if not dataclasses.is_dataclass(target) else target,
                args=arguments,
                prog=f"darkroom {command}",
                description=description or _without_arguments(target),
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
            )
    except SystemExit as stopped:
        if asks_for_help or not said.getvalue():
            raise
        raise DarkroomError(f"{_one_line(said.getvalue())} (see `darkroom {command} --help`)") from stopped
    return values() if not dataclasses.is_dataclass(target) else values  # type: ignore[operator,return-value]


def with_defaults(function: Callable[..., Any], defaults: Mapping[str, Any], name: str) -> type:
    """A dataclass with a function's parameters as fields, other defaults, and the docstring's words as help."""
    words = {p.arg_name: p.description for p in docstring_parser.parse(inspect.getdoc(function) or "").params}
    hints = typing.get_type_hints(function)
    fields = [
        (
            parameter,
            Annotated[hints[parameter], tyro.conf.arg(help=words.get(parameter) or "")],
            dataclasses.field(default=default),
        )
        for parameter, default in defaults.items()
    ]
    return dataclasses.make_dataclass(name, fields)


def _held(function: Callable[..., T]) -> Callable[..., Callable[[], T]]:
    """The function with its call put off, so that its own output and errors are not taken for the parser's."""

    def hold(*positional: Any, **named: Any) -> Callable[[], T]:
        return lambda: function(*positional, **named)

    hold.__doc__, hold.__name__ = function.__doc__, function.__name__
    hold.__annotations__ = {**typing.get_type_hints(function, include_extras=True), "return": Any}
    hold.__signature__ = inspect.signature(function).replace(return_annotation=Any)  # type: ignore[attr-defined]
    return hold


def _without_arguments(target: Callable[..., Any]) -> str:
    """The docstring up to its list of arguments, which stand beside the options already."""
    return (inspect.getdoc(target) or "").split("\nArgs:")[0].strip()


def _one_line(text: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [re.sub(r"[│╭╮╰╯─]+", " ", line).strip() for line in plain.splitlines()]
    lines = [
        line for line in lines if line and not line.startswith(("For full helptext", "Parsing error", "Unrecognized options $"))
    ]
    return re.sub(r"\s+", " ", " ".join(lines)) or "the arguments do not fit"
