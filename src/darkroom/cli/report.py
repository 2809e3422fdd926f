"""`darkroom report`."""

import webbrowser
from pathlib import Path
from typing import Annotated

import tyro

from darkroom.cli.parse import parse
from darkroom.recipes import lookup
from darkroom.report import ledger, page
from darkroom.report.collect import rows_below
from darkroom.report.table import comparisons_of


def command(arguments: list[str]) -> None:
    """Write one page from runs."""

    def write(
        runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = (Path("runs"),),
        output: Annotated[Path | None, tyro.conf.arg(aliases=("-o",))] = None,
        ledger_file: Path | None = None,
        open_: Annotated[bool, tyro.conf.arg(name="open")] = False,
    ) -> None:
        """Write one self-contained HTML page: ours beside published, curves, images, checklist.

        Example: darkroom report basic_sr

        Example: darkroom report runs/dncnn/s25 runs/dncnn/s50 -o both.html

        Args:
            runs: Folders of runs, folders that hold such, or a recipe's name for its folder in runs.
            output: The page; by default report.html in the first folder.
            ledger_file: A ledger (CSV) to enter the measured cells of published tables into, and to show.
            open_: Open the page in the browser.
        """
        runs = tuple(Path("runs") / run if not run.exists() and str(run) in lookup.names() else run for run in runs)
        rows = rows_below(list(runs))
        if ledger_file:
            ledger.enter(ledger_file, [comparison.entry for comparison in comparisons_of(rows)])
        place = output or runs[0] / "report.html"
        page.write(place, rows, ledger_file)
        print(f"report: {place.resolve()}")
        if open_:
            webbrowser.open(place.resolve().as_uri())

    parse(write, arguments, "report")
