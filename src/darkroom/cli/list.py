"""`darkroom list`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich import box
from rich.console import Console
from rich.table import Column, Table

from darkroom.cli.parse import parse
from darkroom.core.paths import printable
from darkroom.recipes.outline import names, outline

if TYPE_CHECKING:
    from darkroom.core.record import Published

LISTED = 7
"""Most rows of a recipe that are listed by name in the table of all recipes."""


def command(arguments: list[str]) -> None:
    """Show the recipes, or the rows of one."""

    def show(recipe: Annotated[str, tyro.conf.Positional] = "") -> None:
        """Show the recipes by task, with their rows and the weights below runs/; or the rows of one recipe in detail.

        Example: darkroom list

        Example: darkroom list dncnn

        Args:
            recipe: A recipe's name, or the path of its file: show the settings and published numbers of its rows.
        """
        if recipe:
            Console(markup=False).print(_rows(recipe))
            return
        Console(markup=False).print(_recipes(Path("runs")))
        print("weights are those below runs/; times are those of two CPU cores; row laptop needs no download")
        print("settings and published numbers of rows: darkroom list RECIPE; datasets: darkroom data list")

    parse(show, arguments, "list")


def _recipes(runs: Path) -> Table:
    """A line for every recipe, by task."""
    table = Table(
        Column("recipe", no_wrap=True),
        Column("rows", min_width=24),
        Column("laptop takes", no_wrap=True),
        Column("weights", overflow="fold"),
        title="darkroom train RECIPE ROW",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    outlines = [outline(name) for name in names()]
    for task in sorted({found.task for found in outlines}):
        table.add_section()
        table.add_row(task, style="bold")
        for found in outlines:
            if found.task == task:
                weights = ", ".join(map(printable, _trained(runs / found.name))) or "-"
                table.add_row(found.name, _names(found.rows), _time(found.docstring, found.name), weights)
    return table


def _names(rows: tuple[str, ...]) -> str:
    """The number of rows and their names; of many, the first."""
    more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    return f"{len(rows)}: {', '.join(rows[:LISTED])}{more}"


def _time(docstring: str, recipe: str) -> str:
    """How long the laptop row takes by the recipe's docstring.

    Example:
        >>> _time("    darkroom train dncnn laptop     three minutes on two CPU cores, nothing to download", "dncnn")
        'three minutes'
    """
    found = re.search(rf"darkroom train {recipe} laptop +([^,;\n]*(?:second|minute|hour)[^,;\n]*)", docstring)
    return found[1].removesuffix(" on two CPU cores") if found else ""


def _trained(folder: Path) -> list[str]:
    """Runs of a recipe that have final weights."""
    return sorted(path.parent.parent.name for path in folder.glob("*/checkpoints/final.safetensors"))


def _rows(recipe: str) -> Table:
    """The rows of a recipe: what they change of its settings, and the published numbers."""
    from darkroom.recipes import lookup

    found, published = lookup.find(recipe), lookup.published(recipe)
    title = f"darkroom train {recipe} ROW\n{(found.__doc__ or '').strip().partition(chr(10))[0]}"
    table = Table("row", "settings", "published", title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for row, settings in found.ROWS.items():
        table.add_row(row, ", ".join(map(_setting, settings.items())), _published(published.get(row, [])))
    return table


def _setting(item: tuple[str, object]) -> str:
    key, value = item
    if isinstance(value, bool) or value == ():
        return key if value else f"no {key}"
    if key == "sigma" and isinstance(value, tuple):
        return f"{key} {' to '.join(f'{v:g}' for v in value)}"
    return f"{key} {_plain(value)}"


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return "/".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _published(numbers: "list[Published]") -> str:
    columns: dict[tuple[str, str], list[str]] = {}
    for number in [number for number in numbers if number.method == "ours"]:
        columns.setdefault((number.metric, number.dataset), []).append(f"{number.value:g}")
    return "\n".join(f"{metric} {dataset} {' / '.join(values)}" for (metric, dataset), values in columns.items())
