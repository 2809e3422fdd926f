"""Tables of results: own rows, baselines and published numbers, column by column."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from darkroom.core.record import MetricRecord, Published, spell
from darkroom.report.collect import Cell, Row
from darkroom.report.ledger import Entry
from darkroom.report.samplers import across_samplers, placed, samplers
from darkroom.report.trained_run import Column
from darkroom.report.verdict import Verdict, compare
from darkroom.report.words import set_title, spell_settings, variant_words


@dataclass(frozen=True)
class Line:
    """A line of a table.

    Args:
        name: of the method.
        kind: "ours", "baseline", or "published" for numbers from a paper that were not measured.
        numbers: a text for every column, empty where there is no number.
        best: whether it is the best measured number of its column.
        seconds: median time of one prediction.
    """

    name: str
    kind: str
    numbers: list[str]
    best: list[bool]
    seconds: str


@dataclass(frozen=True)
class Table:
    """All numbers on one test set.

    Args:
        task: of the rows, in words.
        title: the test set's name.
        unit: what an example of it is; times are seconds for one of them.
        count: number of its examples.
        heads: variants and over how many columns each stands.
        metrics: headings of the columns.
        lines: the rows of the table.
        protocols: how the numbers were measured: a sentence for every head, and for every metric that compares sets of images,
            by its mark; one with the mark "" is for all.
        remarks: rows whose training data contains test images, and test images that were used for validation.
    """

    task: str
    title: str
    unit: str
    count: int
    heads: list[tuple[str, int]]
    metrics: list[str]
    lines: list[Line]
    protocols: list[tuple[str, str]]
    remarks: list[str]


@dataclass(frozen=True)
class Comparison:
    """A measured number, the published one, and the line that they make in the ledger."""

    method: str
    column: str
    measured: str
    published: str
    source: str
    difference: str
    verdict: Verdict
    entry: Entry


def metrics_of(rows: Sequence[Row]) -> dict[str, MetricRecord]:
    """The metrics of all rows, by name."""
    return {name: metric for row in rows for name, metric in row.metrics().items()}


def column_title(column: Column, metrics: dict[str, MetricRecord]) -> str:
    """Metric, test set and variant, for example "PSNR (dB) on BSD68, σ = 25"."""
    return f"{metrics[column.metric].heading} on {column.place}"


def columns_of(rows: Sequence[Row]) -> list[Column]:
    """The columns of all rows: by test set, then variant, protocol and metric, each in the order of evaluation."""
    found = list(dict.fromkeys(column for row in rows for columns in row.cells.values() for column in columns))
    orders = {name: [*dict.fromkeys(getattr(column, name) for column in found)] for name in Column._fields}
    keys = ("dataset", "variant", "protocol", "metric", "compared")
    return sorted(found, key=lambda column: [orders[key].index(getattr(column, key)) for key in keys])


def tables_of(rows: Sequence[Row]) -> list[Table]:
    """One table for every task and test set."""
    tasks = dict.fromkeys(row.record.task for row in rows)
    return [table for task in tasks for table in _tables([row for row in rows if row.record.task == task], task)]


def _tables(rows: Sequence[Row], task: str) -> list[Table]:
    """One table for every test set of some rows."""
    metrics, columns = metrics_of(rows), columns_of(rows)
    tables = []
    for dataset in dict.fromkeys(column.dataset for column in columns):
        measured = [column for column in columns if column.dataset == dataset]
        mine = list(dict.fromkeys(across_samplers(column)[0] for column in measured))
        words = list(dict.fromkeys(column.protocol for column in mine if column.protocol))
        marks = {protocol: str(number) if len(words) > 1 else "" for number, protocol in enumerate(words, 1)}
        compared = dict.fromkeys(column.compared for column in mine if column.compared)
        notes = {protocol: str(number) for number, protocol in enumerate(compared, 1 + len([*filter(None, marks.values())]))}
        groups = [(key, len(list(group))) for key, group in itertools.groupby(mine, key=lambda c: (c.variant, c.protocol))]
        counts = {cell.count for row in rows for cells in row.cells.values() for c, cell in cells.items() if c in measured}
        tables.append(
            Table(
                task=task,
                title=set_title(dataset),
                unit=" or ".join(dict.fromkeys(unit for row in rows for unit in row.units(dataset))),
                count=max(counts),
                heads=[(_head(dict(variant), marks.get(protocol, "")), span) for (variant, protocol), span in groups],
                metrics=[_marked(metrics[column.metric].heading, notes.get(column.compared, "")) for column in mine],
                lines=lines_of(rows, mine),
                protocols=[*((mark, protocol) for protocol, mark in (marks | notes).items()), *samplers(measured)],
                remarks=_remarks(rows, measured),
            )
        )
    return tables


def _remarks(rows: Sequence[Row], columns: Sequence[Column]) -> list[str]:
    found: dict[str, None] = {}
    for row in rows:
        for column, cell in row.cells.get("ours", {}).items():
            if column in columns and (overlap := row.overlap(column)):
                found[f"{row.title}: {_overlap(overlap, cell.count)}; its numbers are not in bold"] = None
        if columns and (validated := row.validated(columns[0].dataset)):
            were = "was" if validated == 1 else "were"
            found[
                f"{validated} of these images {were} used for validation during training, which did not choose the weights"
            ] = None
    return list(found)


def _head(variant: dict[str, float | str], mark: str) -> str:
    return _marked(", ".join(variant_words(variant)), mark)


def _marked(words: str, mark: str) -> str:
    return " ".join(filter(None, [words, f"[{mark}]" if mark else ""]))


@dataclass
class _Line:
    kind: str
    # Measured numbers of which one is the best; texts have the others too.
    values: dict[Column, float] = field(default_factory=dict)
    texts: dict[Column, str] = field(default_factory=dict)
    seconds: str = ""


def lines_of(rows: Sequence[Row], columns: Sequence[Column]) -> list[Line]:
    """Published numbers of other methods, baselines (each once), and the rows themselves.

    Numbers of rows that were trained on images of the test set are shown and do not count for the best one.
    """
    lines = _lines(rows, columns)
    best = {}
    for column in columns:
        values = [line.values[column] for line in lines.values() if column in line.values]
        values = [value for value in values if not math.isnan(value)]
        if values:
            best[column] = (max if metrics_of(rows)[column.metric].higher_is_better else min)(values)
    kinds = ("published", "baseline", "ours")
    return [
        Line(
            name=name,
            kind=line.kind,
            numbers=[line.texts.get(column, "") for column in columns],
            best=[column in best and line.values.get(column) == best[column] for column in columns],
            seconds=line.seconds,
        )
        for name, line in sorted(lines.items(), key=lambda item: kinds.index(item[1].kind))
    ]


def _lines(rows: Sequence[Row], columns: Sequence[Column]) -> dict[str, _Line]:
    metrics, lines = metrics_of(rows), dict[str, _Line]()
    measured = {method for row in rows for method in row.cells}
    for row in rows:
        for method, cells in row.cells.items():
            ours = method == "ours"
            for exact, cell in cells.items():
                column, name = placed(exact, columns, row.title)
                if column not in columns:
                    continue
                line = lines.setdefault(name if ours else method, _Line("ours" if ours else "baseline"))
                if column in line.texts:
                    continue  # a baseline that was evaluated beside several rows
                line.texts[column] = _text(cell, metrics[column.metric], with_deviation=ours)
                line.seconds = _seconds(cell.seconds)
                if not (ours and row.overlap(exact)):
                    line.values[column] = cell.value
        for exact, published in row.published():
            column, name = placed(exact, columns, published.method)
            if column in columns and published.method not in measured:
                changed = "; other protocol" if row.record.protocol_changes.get(column.dataset) else ""
                other = "; protocol unknown" if published.unknown else changed
                line = lines.setdefault(f"{name} (published{other})", _Line("published"))
                line.texts[column] = metrics[column.metric].format(published.value)
    return lines


def comparisons_of(rows: Sequence[Row]) -> list[Comparison]:
    """Every measured number of which there is a published one; a baseline's once, the row's own for every row."""
    found: dict[tuple[str, Column], Comparison] = {}
    for row in rows:
        for column, published in row.published():
            cell = row.cells.get(published.method, {}).get(column)
            method = row.title if published.method == "ours" else published.method
            if cell is not None and (method, column) not in found:
                found[method, column] = _comparison(row, method, column, cell, published)
    return list(found.values())


def _comparison(row: Row, method: str, column: Column, cell: Cell, published: Published) -> Comparison:
    ours, metric = published.method == "ours", row.metrics()[column.metric]
    protocol_changes = row.record.protocol_changes.get(column.dataset, [])
    # The settings of training do not change the number of a baseline; those of the protocol do.
    changed = spell_settings(row.changed) if ours else ", ".join(protocol_changes)
    obstacles = _obstacles(protocol_changes, row.overlap(column) if ours else [], cell.count)
    obstacles += [published.unknown] if published.unknown else []
    verdict = compare(cell.value, published.value, metric, changed=changed, obstacles=obstacles)
    return Comparison(
        method=method,
        column=column_title(column, {column.metric: metric}),
        measured=_text(cell, metric, with_deviation=ours),
        published=metric.format(published.value),
        source=published.source,
        difference=metric.format(verdict.difference, "+"),
        verdict=verdict,
        entry=_entry(row, column, cell, published, changed, verdict),
    )


def _obstacles(protocol_changes: Sequence[str], overlap: Sequence[str], count: int) -> list[str]:
    """Why a number cannot be compared with a published one."""
    obstacles = []
    if protocol_changes:
        obstacles.append(f"{', '.join(protocol_changes)} change{'s' * (len(protocol_changes) == 1)} the protocol")
    if overlap:
        obstacles.append(_overlap(overlap, count))
    return obstacles


def _overlap(overlap: Sequence[str], count: int) -> str:
    return f"{len(overlap)} of {count} test images {'is' if len(overlap) == 1 else 'are'} in the training set"


def _entry(row: Row, column: Column, cell: Cell, published: Published, changed: str, verdict: Verdict) -> Entry:
    metric = row.metrics()[column.metric]
    return Entry(
        recipe=row.recipe,
        row=row.row if published.method == "ours" else "",
        method=published.method,
        metric=column.metric,
        dataset=column.dataset,
        count=str(cell.count),
        variant=" ".join(spell(dict(column.variant))),
        changed=changed,
        published=metric.format(published.value),
        source=published.source,
        measured=metric.format(cell.value),
        deviation=metric.format(cell.deviation) if cell.deviation is not None and published.method == "ours" else "",
        seeds=" ".join(map(str, row.seeds)),
        device=cell.device,
        date=row.record.started[:10],
        code=row.record.versions.get("darkroom", ""),
        verdict=verdict.words,
    )


def _text(cell: Cell, metric: MetricRecord, *, with_deviation: bool) -> str:
    deviation = f" ± {metric.format(cell.deviation)}" if with_deviation and cell.deviation is not None else ""
    return metric.format(cell.value) + deviation


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds >= 0.01 else f"{seconds:.3f}"
