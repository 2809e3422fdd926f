"""The report: one HTML file without references to other files."""

import datetime
from collections.abc import Sequence
from pathlib import Path

import jinja2

from darkroom.core.files import write_text
from darkroom.core.versions import code_version
from darkroom.report import ledger
from darkroom.report.checklist import checklist
from darkroom.report.collect import Row
from darkroom.report.compute import compute
from darkroom.report.figures import curves, studies, tradeoffs
from darkroom.report.plots import COLOURS
from darkroom.report.previews import previews, samples
from darkroom.report.prose import blocks, spans
from darkroom.report.table import comparisons_of, metrics_of, tables_of
from darkroom.report.words import metric_title, shortened, spell_settings, unbroken, written_place


def write(path: Path, rows: Sequence[Row], ledger_path: Path | None = None, unreadable: Sequence[str] = ()) -> None:
    """Write the report of some rows to `path`, whole or not at all.

    Args:
        path: of the HTML file.
        rows: what to report on, at least one.
        ledger_path: a ledger whose earlier measurements of the same recipes are shown, or None.
        unreadable: a line for every file that could not be read, from `rows_below`.

    Raises:
        DarkroomError: the ledger cannot be read, or the page cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("darkroom.report", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["unbroken"] = unbroken
    tasks = list(dict.fromkeys(row.record.task for row in rows))
    records = {row.recipe: row.record for row in rows}
    shown = previews(rows)
    text = environment.get_template("page.html.j2").render(
        title=shortened(", ".join(row.title for row in rows) if len(rows) < 4 else ", ".join(records)),
        colours=COLOURS,
        recipes=[(name, spans(record.title), blocks(record.description)) for name, record in records.items()],
        date=datetime.date.today().isoformat(),
        version=code_version(),
        unreadable=[*unreadable, *shown.unreadable],
        unfinished=[row.title for row in rows if "ours" not in row.cells],
        shared=spell_settings(rows[0].shared),
        comparisons=comparisons_of(rows),
        tables=tables_of(rows),
        tasks=tasks,
        metrics=metrics_of(rows),
        metric_title=metric_title,
        written_place=written_place,
        devices=sorted({cell.device for row in rows for cells in row.cells.values() for cell in cells.values()}),
        studies=studies(rows),
        compute=compute(rows),
        tradeoffs=tradeoffs(rows),
        previews=shown,
        samples=[(row.title, samples(row)) for row in rows],
        curves=[(task, curves([row for row in rows if row.record.task == task])) for task in tasks],
        ledger=[entry for entry in ledger.read(ledger_path) if entry.recipe in records] if ledger_path else [],
        checklists=[(row.title, checklist(row)) for row in rows],
    )
    write_text(path, text)
