"""The page: one HTML file that needs nothing else."""

import datetime
from pathlib import Path

import jinja2

from darkroom.core.files import write_text
from darkroom.core.versions import code_version
from darkroom.recipes import lookup
from darkroom.report import ledger
from darkroom.report.checklist import checklist
from darkroom.report.collect import Row, spell_settings
from darkroom.report.figures import curves, studies, tradeoffs
from darkroom.report.images import comparisons, samples
from darkroom.report.table import comparisons_of, tables_of


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
        tables=tables_of(rows),
        comparisons=comparisons_of(rows),
        shared=spell_settings(rows[0].shared),
        devices=sorted({cell.device for row in rows for cells in row.cells.values() for cell in cells.values()}),
        figures=curves(rows),
        tradeoffs=tradeoffs(rows),
        studies=studies(rows),
        images=comparisons(rows),
        strips=[(row.title, samples(row)) for row in rows],
        checklists=[(row.title, checklist(row)) for row in rows],
        unfinished=[row.title for row in rows if "ours" not in row.cells],
        earlier=earlier,
    )
    write_text(path, text)
