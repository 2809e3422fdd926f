"""`darkroom list`."""

from rich.console import Console
from rich.table import Table

from darkroom.cli.data import datasets
from darkroom.cli.parse import parse
from darkroom.recipes import lookup


def command(arguments: list[str]) -> None:
    """Show what can be trained and what can be downloaded."""

    def show() -> None:
        """Show recipes with their rows and published numbers, and the datasets.

        Example: darkroom list
        """
        table = Table(
            "recipe", "row", "settings", "published", title="Recipes: darkroom train RECIPE ROW", title_justify="left"
        )
        for name in lookup.names():
            recipe = lookup.find(name)
            for row, settings in recipe.ROWS.items():
                numbers = [f"{p.metric} {p.value} ({p.dataset} {_spelled(p.varied)})" for p in recipe.PUBLISHED.get(row, [])]
                table.add_row(name, row, ", ".join(f"{k}={v}" for k, v in settings.items()), "\n".join(numbers))
        console = Console()
        console.print(table)
        console.print(datasets())

    parse(show, arguments, "list")


def _spelled(varied: object) -> str:
    return " ".join(f"{key}={value:g}" for key, value in dict(varied).items())  # type: ignore[call-overload]
