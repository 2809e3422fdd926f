"""`darkroom list`."""

from rich import box
from rich.console import Console
from rich.table import Table

from darkroom.cli.data import datasets
from darkroom.cli.parse import parse
from darkroom.engine.run import Published
from darkroom.recipes import lookup


def command(arguments: list[str]) -> None:
    """Show what can be trained and what can be downloaded."""

    def show() -> None:
        """Show recipes with their rows and published numbers, and the datasets.

        Example: darkroom list
        """
        table = Table(
            "row", "settings", "published", title="darkroom train RECIPE ROW", title_justify="left", box=box.SIMPLE_HEAD
        )
        for name in lookup.names():
            recipe = lookup.find(name)
            table.add_section()
            table.add_row(f"[bold]{name}[/]", recipe.__doc__.splitlines()[0])
            for row, settings in recipe.ROWS.items():
                table.add_row(row, ", ".join(map(_setting, settings.items())), _published(recipe.PUBLISHED.get(row, [])))
        console = Console()
        console.print(table)
        console.print(datasets())

    parse(show, arguments, "list")


def _setting(item: tuple[str, object]) -> str:
    key, value = item
    if isinstance(value, bool) or value == ():
        return key if value else f"no {key}"
    return (
        f"{key} {' to '.join(f'{v:g}' for v in value)}"
        if key == "sigma" and isinstance(value, tuple)
        else f"{key} {_plain(value)}"
    )


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return "/".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _published(numbers: list[Published]) -> str:
    columns: dict[tuple[str, str], list[str]] = {}
    for number in [number for number in numbers if number.method == "ours"]:
        columns.setdefault((number.metric, number.dataset), []).append(f"{number.value:g}")
    return "\n".join(f"{metric} {dataset} {' / '.join(values)}" for (metric, dataset), values in columns.items())
