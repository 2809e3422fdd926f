"""Help texts from the code: what docstrings say about arguments and fields."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any


def described(target: Callable[..., Any]) -> dict[str, str]:
    """What is said about each argument: below "Args:" in the docstring, or for a dataclass in a string after the field.

    Example:
        >>> def blur(radius: float) -> None:
        ...     '''Blur an image.
        ...
        ...     Args:
        ...         radius: in pixels,
        ...             above 0.
        ...     '''
        >>> described(blur)
        {'radius': 'in pixels, above 0.'}
    """
    found = _arguments(inspect.getdoc(target) or "")
    return found | _fields(target) if inspect.isclass(target) else found


def _arguments(docstring: str) -> dict[str, str]:
    _, _, section = f"\n{docstring}".partition("\nArgs:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        if line.startswith("    ") and line[4:5].strip():
            entry, _, line = line.partition(":")
            names = [name.strip() for name in entry.split(",")]
        for name in names:
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def _fields(kind: type) -> dict[str, str]:
    found: dict[str, str] = {}
    with suppress(OSError, TypeError):  # made without source
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        for field, words in pairwise(getattr(definition, "body", ())):
            if isinstance(field, ast.AnnAssign) and isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant):
                found[ast.unparse(field.target)] = " ".join(str(words.value.value).split())
    return found
