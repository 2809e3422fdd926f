"""A recipe's configuration as flat settings: its parameters, and the fields of those that are dataclasses."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from darkroom.core.errors import DarkroomError


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Every setting of a recipe with its default value.

    Raises:
        DarkroomError: two settings have one name, or a parameter has no default.

    Example:
        >>> defaults(lambda sigma=25.0, seed=0: None)
        {'sigma': 25.0, 'seed': 0}
    """
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is inspect.Parameter.empty:
            raise DarkroomError(f"the recipe's parameter {name!r} has no default value: give it one")
        nested = dataclasses.is_dataclass(parameter.default)
        new = _fields(parameter.default) if nested else {name: parameter.default}
        if twice := new.keys() & found.keys():
            raise DarkroomError(f"the recipe has two settings of the name {', '.join(sorted(twice))}: rename one")
        found |= new
    return found


def arguments(function: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a recipe for flat settings; lists, as JSON has them, become tuples.

    Raises:
        DarkroomError: there is no such setting.
    """
    unknown = set(settings) - set(defaults(function))
    if unknown:
        raise DarkroomError(f"no setting {', '.join(sorted(unknown))}; there are {', '.join(defaults(function))}")
    given = {key: _tuples(value) for key, value in settings.items()}
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if dataclasses.is_dataclass(parameter.default):
            own = {key: given[key] for key in _fields(parameter.default) if key in given}
            found[name] = dataclasses.replace(parameter.default, **own)  # type: ignore[type-var]
        elif name in given:
            found[name] = given[name]
    return found


def _fields(options: Any) -> dict[str, Any]:
    return {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
