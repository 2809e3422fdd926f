"""`darkroom report`."""

import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from darkroom.cli.parse import parse
from darkroom.recipes.outline import names


@dataclass
class Report:
    """Write one self-contained HTML page: measured numbers beside published ones, curves, images, checklist.

    Example: darkroom report basic_sr

    Example: darkroom report runs/dncnn/s25 runs/dncnn/s50 -o both.html
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = (Path("runs"),)
    """Folders of runs, folders that hold such, or a recipe's name for its folder below runs."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=("-o",))] = None
    """The page; by default report.html in the first folder."""
    ledger_file: Path | None = None
    """A ledger (CSV): the measured cells of published tables are entered, and it is shown."""
    open_: Annotated[bool, tyro.conf.arg(name="open")] = False
    """Open the page in the browser."""


def command(arguments: list[str]) -> None:
    """Write one page from runs."""
    given = parse(Report, arguments, "report")
    from darkroom.report import ledger, page
    from darkroom.report.collect import rows_below
    from darkroom.report.table import comparisons_of

    runs = [Path("runs") / run if not run.exists() and str(run) in names() else run for run in given.runs]
    rows, unreadable = rows_below(runs)
    for line in unreadable:
        print(f"darkroom: {line}", file=sys.stderr)
    if given.ledger_file:
        ledger.enter(given.ledger_file, [comparison.entry for comparison in comparisons_of(rows)])
    output = given.output or runs[0] / "report.html"
    page.write(output, rows, given.ledger_file, unreadable)
    print(f"report: {output.resolve()}")
    if given.open_:
        webbrowser.open(output.resolve().as_uri())
