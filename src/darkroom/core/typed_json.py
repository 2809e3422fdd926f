"""Dataclasses as JSON, and back with their types checked."""

import dataclasses
import json
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from darkroom.core.errors import DarkroomError
from darkroom.core.files import json_text

SCHEMA = 2
"""Version of the records in `core.record`; a change of meaning counts it up."""

R = TypeVar("R")


def to_json(record: Any) -> dict[str, Any]:
    """A record as JSON's types: tuples become lists; infinity and nan become strings.

    Example:
        >>> from darkroom.core.record import Published
        >>> to_json(Published("psnr", "set5", float("inf"), "a paper"))["value"]
        'inf'
    """
    return json.loads(json_text(dataclasses.asdict(record)))  # type: ignore[no-any-return]


def from_json(kind: type[R], value: Any, file: Path) -> R:
    """A record from what `to_json` gave. Fields that this version does not know are left out.

    Raises:
        DarkroomError: a field is missing or of another type, or the record is of a later version; the file and the field are named.
    """
    if isinstance(value, dict) and isinstance(value.get("schema", SCHEMA), int) and value.get("schema", SCHEMA) != SCHEMA:
        raise DarkroomError(
            f"{file} was written by another version of Darkroom (schema {value['schema']}, this one reads {SCHEMA}): "
            "read it with that version, or train again"
        )
    return _parsed(kind, value, file, kind.__name__)  # type: ignore[no-any-return]


def _parsed(kind: Any, value: Any, file: Path, place: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, file, place)
    if origin in (typing.Union, types.UnionType):
        for choice in sorted(arguments, key=lambda choice: choice is not type(value)):  # "inf" may be a word
            try:
                return _parsed(choice, value, file, place)
            except DarkroomError:
                continue
    elif origin is list and isinstance(value, list):
        return [_parsed(arguments[0], item, file, f"{place}[{number}]") for number, item in enumerate(value)]
    elif origin is dict and isinstance(value, dict):
        return {key: _parsed(arguments[1], item, file, f"{place}[{key!r}]") for key, item in value.items()}
    elif kind is type(None) and value is None:
        return None
    elif kind is float and (isinstance(value, int | float) or value in ("inf", "-inf", "nan")) and not isinstance(value, bool):
        return float(value)
    elif kind in (int, str, bool) and type(value) is kind:
        return value
    raise DarkroomError(f"{file} is damaged: {place} is {str(value)[:60]!r}, which is not {getattr(kind, '__name__', kind)}")


def _record(kind: Any, value: Any, file: Path, place: str) -> Any:
    if not isinstance(value, dict):
        raise DarkroomError(f"{file} is damaged: {place} is not an object")
    hints, parsed = typing.get_type_hints(kind), {}
    for item in dataclasses.fields(kind):
        if item.name in value:
            parsed[item.name] = _parsed(hints[item.name], value[item.name], file, f"{place}.{item.name}")
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise DarkroomError(f"{file} is damaged: {place}.{item.name} is missing")
    try:
        return kind(**parsed)
    except ValueError as error:
        raise DarkroomError(f"{file} is damaged: {place}: {error}") from error
