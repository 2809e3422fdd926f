"""The table: ours, the baselines, and the paper's numbers, column by column."""

from dataclasses import dataclass

from darkroom.metrics import fidelity
from darkroom.recipes import lookup
from darkroom.report.collect import Column, Row
from darkroom.report.ledger import Entry
from darkroom.report.verdict import Verdict, judge

_METRICS = {metric.name: metric for metric in (fidelity.psnr, fidelity.ssim)}
_DIGITS = {"dB": 2, "": 4}


@dataclass(frozen=True)
class Line:
    """One line of the table: who, and a number or nothing for each column."""

    name: str
    ours: bool
    numbers: list[str]
    best: list[bool]
    seconds: str


@dataclass(frozen=True)
class Comparison:
    """One number beside the paper's."""

    row: str
    column: str
    ours: str
    published: str
    source: str
    difference: str
    verdict: Verdict


def column_title(column: Column) -> str:
    """For example "PSNR (dB) · bsd68 · sigma 25"."""
    dataset, name, varied = column
    unit = f" ({_METRICS[name].unit})" if name in _METRICS and _METRICS[name].unit else ""
    return " · ".join([f"{name.upper()}{unit}", dataset, *(f"{key} {value:g}" for key, value in varied)])


def columns_of(rows: list[Row]) -> list[Column]:
    """Every column that any row has, in a fixed order."""
    found = {column for row in rows for columns in row.cells().values() for column in columns}
    return sorted(found, key=lambda column: (column[1] != "psnr", column[1], column[0], column[2]))


def lines_of(rows: list[Row]) -> list[Line]:
    """Ours and the baselines; baselines that several rows share are shown once."""
    columns = columns_of(rows)
    values: dict[str, dict[Column, float]] = {}
    spelled: dict[str, dict[Column, str]] = {}
    seconds: dict[str, str] = {}
    mine = {row.title for row in rows}
    for row in rows:
        for method, cells in row.cells().items():
            name = row.title if method == "ours" else method
            for column, cell in cells.items():
                values.setdefault(name, {})[column] = cell.value
                text = f"{cell.value:.{_digits(column)}f}"
                if cell.deviation is not None and method == "ours":
                    text += f" ± {cell.deviation:.{_digits(column)}f}"
                spelled.setdefault(name, {})[column] = text
                seconds[name] = f"{cell.seconds:.2f}" if cell.seconds >= 0.01 else f"{cell.seconds:.3f}"
    best = {column: _best(column, [v[column] for v in values.values() if column in v]) for column in columns}
    order = sorted(values, key=lambda name: name in mine)
    return [
        Line(
            name=name,
            ours=name in mine,
            numbers=[spelled[name].get(column, "") for column in columns],
            best=[values[name].get(column) == best[column] for column in columns],
            seconds=seconds[name],
        )
        for name in order
    ]


def comparisons_of(rows: list[Row]) -> list[Comparison]:
    """Every number that the paper prints too, and whether it was reached."""
    found = []
    for row in rows:
        ours, protocol = row.cells().get("ours", {}), lookup.find(row.recipe).PROTOCOL
        for column, published in row.published().items():
            if column not in ours:
                continue
            metric, cell = _METRICS[column[1]], ours[column]
            verdict = judge(
                cell,
                published.value,
                unit=metric.unit,
                higher_is_better=metric.higher_is_better,
                changed=row.description["changed"],
                protocol=protocol,
            )
            digits = _digits(column)
            deviation = f" ± {cell.deviation:.{digits}f}" if cell.deviation is not None else ""
            found.append(
                Comparison(
                    row=row.title,
                    column=column_title(column),
                    ours=f"{cell.value:.{digits}f}{deviation}",
                    published=f"{published.value:.{digits}f}",
                    source=published.source,
                    difference=f"{verdict.difference:+.{digits}f}",
                    verdict=verdict,
                )
            )
    return found


def ledger_entries(rows: list[Row]) -> list[Entry]:
    """The same comparisons as lines for the ledger."""
    entries = []
    by_title = {(comparison.row, comparison.column): comparison for comparison in comparisons_of(rows)}
    for row in rows:
        for column, published in row.published().items():
            comparison = by_title.get((row.title, column_title(column)))
            if comparison is None:
                continue
            cell = row.cells()["ours"][column]
            changed = {key: value for key, value in row.description["changed"].items() if key != "seed"}
            entries.append(
                Entry(
                    recipe=row.recipe,
                    row=row.row,
                    metric=column[1],
                    dataset=column[0],
                    count=str(cell.count),
                    varied=" ".join(f"{key}={value:g}" for key, value in column[2]),
                    changed=" ".join(f"{key}={value}" for key, value in changed.items()),
                    published=comparison.published,
                    source=published.source,
                    measured=f"{cell.value:.{_digits(column)}f}",
                    deviation="" if cell.deviation is None else f"{cell.deviation:.{_digits(column)}f}",
                    seeds=" ".join(map(str, row.seeds)),
                    device=cell.device,
                    date=row.description["started"][:10],
                    code=row.description["versions"]["darkroom"],
                    verdict=comparison.verdict.words,
                )
            )
    return entries


def _digits(column: Column) -> int:
    return _DIGITS[_METRICS[column[1]].unit] if column[1] in _METRICS else 4


def _best(column: Column, values: list[float]) -> float:
    higher = _METRICS[column[1]].higher_is_better if column[1] in _METRICS else True
    return max(values) if higher else min(values)
