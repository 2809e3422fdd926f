"""What a recipe's file states, read without executing it: listing recipes imports none of them, and no torch."""

import ast
import importlib
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from darkroom.core.errors import DarkroomError

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Outline:
    """A recipe in short.

    Args:
        name: of its file.
        task: its constant `TASK`, for example "denoising"; "other" where it has none.
        docstring: of its file.
        rows: names of the rows, in their order.
    """

    name: str
    task: str
    docstring: str
    rows: tuple[str, ...]


def names() -> list[str]:
    """Every recipe of the package: a file beside this one that has `ROWS`.

    Example:
        >>> "dncnn" in names(), "options" in names()
        (True, False)
    """
    files = [file for file in _FOLDER.glob("*.py") if re.search(r"^ROWS\b", file.read_text(encoding="utf-8"), re.MULTILINE)]
    return sorted(file.stem for file in files)


@cache
def outline(name: str) -> Outline:
    """What the file of one of `names` states. Only where the names of its rows are computed, it is imported.

    Raises:
        DarkroomError: there is no such recipe.

    Example:
        >>> outline("dncnn").task, outline("dncnn").rows[:3]
        ('denoising', ('s15', 's25', 's50'))
    """
    if name not in names():
        raise DarkroomError(
            f"no recipe {name!r}; there are {', '.join(names())} (see `darkroom list`), or give the path of a file of your own, "
            "for example my_recipe.py"
        )
    tree = ast.parse((_FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    values = _assigned(tree)
    rows = _keys(ast.Name("ROWS"), values)
    if rows is None:
        rows = list(importlib.import_module(f"darkroom.recipes.{name}").ROWS)
    task = values.get("TASK")
    stated = str(task.value) if isinstance(task, ast.Constant) else "other"
    return Outline(name, stated, ast.get_docstring(tree) or "", tuple(rows))


def check_row(row: str, rows: Collection[str], recipe: str) -> None:
    """Raise if a recipe has no such row.

    Raises:
        DarkroomError: with the rows that there are.
    """
    if row not in rows:
        raise DarkroomError(f"recipe {recipe} has no row {row!r}; there are {', '.join(rows)}")


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """What a file assigns to names, by name; those that are assigned twice are left out."""
    found: list[tuple[str, ast.expr]] = []
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            found += [(target.id, statement.value) for target in targets if isinstance(target, ast.Name)]
    count = Counter(name for name, _ in found)
    return {name: value for name, value in found if count[name] == 1}


def _keys(value: ast.expr, values: dict[str, ast.expr]) -> list[str] | None:
    """The keys of a dictionary that is written out: `{"a": …, **_OTHERS}`, `dict(a=…, **_OTHERS)`, or the name of such; else None."""
    if isinstance(value, ast.Name) and value.id in values:
        return _keys(values[value.id], values)
    if isinstance(value, ast.Dict):
        items = list(zip(value.keys, value.values, strict=True))
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict" and not value.args:
        items = [(ast.Constant(keyword.arg) if keyword.arg else None, keyword.value) for keyword in value.keywords]
    else:
        return None
    found: dict[str, None] = {}
    for key, item in items:
        inner = _keys(item, values) if key is None else [key.value] if isinstance(key, ast.Constant) else None
        if inner is None:
            return None
        found |= dict.fromkeys(map(str, inner))
    return list(found)
