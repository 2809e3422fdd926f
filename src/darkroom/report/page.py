"""The page: one HTML file that needs nothing else."""

import datetime
from pathlib import Path

import jinja2

from darkroom.core.files import write_text
from darkroom.core.versions import code_version
from darkroom.recipes import lookup
from darkroom.report import ledger
from darkroom.report.checklist import checklist
from darkroom.report.collect import Row
from darkroom.report.figures import curves
from darkroom.report.pictures import comparisons, samples
from darkroom.report.table import column_title, columns_of, comparisons_of, lines_of, protocols_of


def write(path: Path, rows: list[Row], ledger_path: Path | None = None) -> None:
    """Write the report of some rows to `path`, whole or not at all.

    Args:
        rows: what to report on.
        ledger_path: a ledger whose earlier measurements of the same recipes are shown, or None.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("darkroom.report", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    recipes = sorted({row.recipe for row in rows})
    earlier = [entry for entry in ledger.read(ledger_path) if entry.recipe in recipes] if ledger_path else []
    text = environment.get_template("page.html.j2").render(
        title=", ".join(row.title for row in rows) if len(rows) < 4 else ", ".join(recipes),
        abouts=[lookup.find(recipe).__doc__ for recipe in recipes],
        made=datetime.date.today().isoformat(),
        version=code_version(),
        columns=[column_title(column, protocols_of(rows)) for column in columns_of(rows)],
        lines=lines_of(rows),
        comparisons=comparisons_of(rows),
        counts=sorted(
            {
                f"{column[0]}: {cell.count} pictures"
                for row in rows
                for cells in row.cells().values()
                for column, cell in cells.items()
            }
        ),
        devices=sorted({cell.device for row in rows for cells in row.cells().values() for cell in cells.values()}),
        figures=curves(rows),
        pictures=[(row.title, comparisons(row), samples(row)) for row in rows],
        checklists=[(row.title, checklist(row)) for row in rows],
        unfinished=[row.title for row in rows if "ours" not in row.cells()],
        earlier=earlier,
    )
    write_text(path, text)
