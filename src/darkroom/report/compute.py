"""Figures of generators: quality against what a sample costs, for every sampler of every row on the same axes."""

from collections.abc import Iterator, Sequence

from darkroom.report.collect import Cell, Row
from darkroom.report.figures import Figure
from darkroom.report.plots import Points, plot
from darkroom.report.table import columns_of, metrics_of
from darkroom.report.trained_run import Column
from darkroom.report.words import place

COSTS = {"giga_multiply_adds": "multiply-adds of a sample (G)", "network_evaluations": "network evaluations of a sample"}
SECONDS = "seconds of a sample"


def compute(rows: Sequence[Row]) -> list[Figure]:
    """For every measured distance: a plot against multiply-adds, one against network evaluations, one against seconds.

    A line is one sampler of one row, with a point for every number of steps. Seconds are shown where all were measured on one
    device.
    """
    metrics, figures = metrics_of(rows), list[Figure]()
    sampled = [column for column in columns_of(rows) if "sampler" in dict(column.variant)]
    for dataset, metric in dict.fromkeys((column.dataset, column.metric) for column in sampled):
        if metric in COSTS:
            continue
        for cost in (*COSTS, SECONDS):
            lines = _lines(rows, dataset, metric, cost)
            if sum(map(len, lines.values())) > 1 and (cost != SECONDS or _one_device(rows, dataset, metric)):
                heading, words = metrics[metric].heading, COSTS.get(cost, cost)
                address = plot(list(lines.values()), x=words, y=heading, log_x=True, log_y=True)
                figures.append(Figure(f"{heading} against {words} · {place(dataset, {})}", list(lines), address))
    return figures


def _lines(rows: Sequence[Row], dataset: str, metric: str, cost: str) -> dict[str, Points]:
    """Points of every sampler by its name, and the row's where there are several, sorted by cost."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for column, cell in _cells(row, dataset, metric):
            named = [row.title] if len(rows) > 1 else []
            price = cell.seconds if cost == SECONDS else _value(row, column, cost)
            if price is not None and price > 0:
                lines.setdefault(" · ".join([*named, str(dict(column.variant)["sampler"])]), []).append((price, cell.value))
    return {name: sorted(points) for name, points in lines.items()}


def _cells(row: Row, dataset: str, metric: str) -> Iterator[tuple[Column, Cell]]:
    for column, cell in row.cells.get("ours", {}).items():
        if (column.dataset, column.metric) == (dataset, metric) and "sampler" in dict(column.variant):
            yield column, cell


def _value(row: Row, column: Column, metric: str) -> float | None:
    """Another number of the same evaluation."""
    found = [
        cell.value
        for other, cell in row.cells.get("ours", {}).items()
        if (other.dataset, other.metric, other.variant) == (column.dataset, metric, column.variant)
    ]
    return found[0] if found else None


def _one_device(rows: Sequence[Row], dataset: str, metric: str) -> bool:
    return len({cell.device for row in rows for _, cell in _cells(row, dataset, metric)}) == 1
