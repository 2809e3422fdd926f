"""The table: ours, the baselines, and published numbers, column by column."""

import itertools
from dataclasses import dataclass

from darkroom.engine.run import Published, spell_variant
from darkroom.recipes import lookup
from darkroom.report.collect import Cell, Column, Protocol, Row, spell_settings
from darkroom.report.ledger import Entry
from darkroom.report.verdict import Verdict, evaluation


@dataclass(frozen=True)
class Line:
    """One line of the table: who, and a number or nothing for each column.

    `kind` is "ours", "baseline", or "published" for numbers that were read in a paper and not measured.
    """

    name: str
    kind: str
    numbers: list[str]
    best: list[bool]
    seconds: str


@dataclass(frozen=True)
class Table:
    """All numbers on one set: under each of `heads` (what was variant, and over how many columns) the `metrics`."""

    dataset: str
    count: int
    heads: list[tuple[str, int]]
    metrics: list[str]
    lines: list[Line]


@dataclass(frozen=True)
class Comparison:
    """One number beside the paper's, and the line that it makes in the ledger."""

    who: str
    column: str
    ours: str
    published: str
    source: str
    difference: str
    verdict: Verdict
    entry: Entry


def protocols_of(rows: list[Row]) -> dict[str, Protocol]:
    """Every metric that any row was evaluated by, by name."""
    return {name: protocol for row in rows for name, protocol in row.protocols().items()}


def column_title(column: Column, protocols: dict[str, Protocol]) -> str:
    """For example "PSNR (dB) · bsd68 · sigma 25"."""
    dataset, name, variant = column
    return " · ".join([protocols[name].heading, dataset, *spell_variant(dict(variant))])


def columns_of(rows: list[Row]) -> list[Column]:
    """Every column that any row has, in the order of evaluating: set by set, in it what was variant, in it the metrics."""
    found = list(dict.fromkeys(column for row in rows for columns in row.cells.values() for column in columns))
    sets, variant, names = ([*dict.fromkeys(column[place] for column in found)] for place in (0, 2, 1))
    return sorted(found, key=lambda c: (sets.index(c[0]), variant.index(c[2]), names.index(c[1])))


def tables_of(rows: list[Row]) -> list[Table]:
    """One table for every set."""
    protocols, tables = protocols_of(rows), []
    columns = columns_of(rows)
    for dataset in dict.fromkeys(column[0] for column in columns):
        mine = [column for column in columns if column[0] == dataset]
        spans = [(variant, list(group)) for variant, group in itertools.groupby(mine, key=lambda column: column[2])]
        counts = {cell.count for row in rows for cells in row.cells.values() for c, cell in cells.items() if c in mine}
        tables.append(
            Table(
                dataset=dataset,
                count=max(counts),
                heads=[(", ".join(spell_variant(dict(variant))), len(group)) for variant, group in spans],
                metrics=[protocols[column[1]].heading for column in mine],
                lines=lines_of(rows, mine),
            )
        )
    return tables


def lines_of(rows: list[Row], columns: list[Column]) -> list[Line]:
    """Published numbers of others, baselines (once, where several rows share them), and ours."""
    protocols = protocols_of(rows)
    kinds: dict[str, str] = {}
    values: dict[str, dict[Column, float]] = {}
    texts: dict[str, dict[Column, str]] = {}
    seconds: dict[str, str] = {}
    measured = {method for row in rows for method in row.cells}
    for row in rows:
        for method, cells in row.cells.items():
            name = row.title if method == "ours" else method
            for column in columns:
                if column in cells:
                    cell = cells[column]
                    kinds[name] = "ours" if method == "ours" else "baseline"
                    values.setdefault(name, {})[column] = cell.value
                    texts.setdefault(name, {})[column] = _text(cell, protocols[column[1]], with_deviation=method == "ours")
                    seconds[name] = f"{cell.seconds:.2f}" if cell.seconds >= 0.01 else f"{cell.seconds:.3f}"
        for column, published in row.published():
            if column in columns and published.method not in measured:
                name = f"{published.method} (published)"
                kinds[name] = "published"
                texts.setdefault(name, {})[column] = protocols[column[1]].format(published.value)
    best = {column: _best(protocols[column[1]], [v[column] for v in values.values() if column in v]) for column in columns}
    return [
        Line(
            name=name,
            kind=kinds[name],
            numbers=[texts[name].get(column, "") for column in columns],
            best=[column in values.get(name, {}) and values[name][column] == best[column] for column in columns],
            seconds=seconds.get(name, ""),
        )
        for name in sorted(kinds, key=lambda name: ("published", "baseline", "ours").index(kinds[name]))
    ]


def comparisons_of(rows: list[Row]) -> list[Comparison]:
    """Every measured number that was published too, and whether it was reached; a baseline's once, ours for every row."""
    found: dict[tuple[str, Column], Comparison] = {}
    for row in rows:
        protocols, measured = row.protocols(), row.cells
        for column, published in row.published():
            cell = measured.get(published.method, {}).get(column)
            who = row.title if published.method == "ours" else published.method
            if cell is not None and (who, column) not in found:
                found[who, column] = _compared(row, who, column, cell, published, protocols[column[1]])
    return list(found.values())


def _compared(row: Row, who: str, column: Column, cell: Cell, published: Published, protocol: Protocol) -> Comparison:
    mine, breaking = published.method == "ours", lookup.find(row.recipe).PROTOCOL
    # What a baseline answers depends on no setting but those of the protocol.
    changed = {key: value for key, value in row.changed.items() if mine or key in breaking}
    verdict = evaluation(cell, published.value, protocol=protocol, changed=changed, breaking=breaking)
    return Comparison(
        who=who,
        column=column_title(column, {column[1]: protocol}),
        ours=_text(cell, protocol, with_deviation=mine),
        published=protocol.format(published.value),
        source=published.source,
        difference=protocol.format(verdict.difference, "+"),
        verdict=verdict,
        entry=Entry(
            recipe=row.recipe,
            row=row.row if mine else "",
            method=published.method,
            metric=column[1],
            dataset=column[0],
            count=str(cell.count),
            variant=" ".join(spell_variant(dict(column[2]))),
            changed=spell_settings(changed),
            published=protocol.format(published.value),
            source=published.source,
            measured=protocol.format(cell.value),
            deviation="" if cell.deviation is None else protocol.format(cell.deviation),
            seeds=" ".join(map(str, row.seeds)),
            device=cell.device,
            date=row.description["started"][:10],
            code=row.description["versions"]["darkroom"],
            verdict=verdict.words,
        ),
    )


def _text(cell: Cell, protocol: Protocol, *, with_deviation: bool) -> str:
    deviation = f" ± {protocol.format(cell.deviation)}" if with_deviation and cell.deviation is not None else ""
    return protocol.format(cell.value) + deviation


def _best(protocol: Protocol, values: list[float]) -> float:
    return max(values) if protocol.higher_is_better else min(values)
