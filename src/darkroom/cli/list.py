"""`darkroom list`."""

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from darkroom.cli.data import datasets
from darkroom.cli.parse import parse

if TYPE_CHECKING:
    from darkroom.core.record import Published


def command(arguments: list[str]) -> None:
    """Show the recipes and the datasets."""

    def show() -> None:
        """Show the recipes with their rows and published numbers, and the datasets.

        Example: darkroom list
        """
        console = Console()
        console.print(_recipes())
        console.print(datasets())

    parse(show, arguments, "list")


def _recipes() -> Table:
    from darkroom.recipes import lookup

    title = "darkroom train RECIPE ROW"
    table = Table("row", "settings", "published", title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in lookup.names():
        recipe, published = lookup.find(name), lookup.published(name)
        table.add_section()
        table.add_row(f"[bold]{name}[/]", (recipe.__doc__ or "").strip().partition("\n")[0])
        for row, settings in recipe.ROWS.items():
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
