"""Curves over training, every row over the others."""

import base64
import io
import textwrap
from collections.abc import Sequence
from typing import Any

from darkroom.engine.run import Study
from darkroom.recipes import lookup
from darkroom.report.collect import Column, Row, spell_settings
from darkroom.report.table import column_title, columns_of, protocols_of

_COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")


def curves(rows: list[Row]) -> list[tuple[str, str]]:
    """One figure for every loss and every validated metric, these over seconds too: `(title, data address of an SVG)`."""
    wanted = sorted({curve for row in rows for curve in row.curves() if "rate/" not in curve[1] and curve[0] != "time"})
    figures = []
    for split, name in wanted:
        lines = [(row.title, row.curve(split, name)) for row in rows]
        figures.append((f"{split}: {name}", plot([line for line in lines if line[1]], log=split == "train")))
        timed = [(row.title, _over_seconds(row, name)) for row in rows] if split == "validation" else []
        if any(line for _, line in timed):
            shown = plot([line for line in timed if line[1]], along="seconds of training")
            figures.append((f"{split}: {name}, over time", shown))
    return figures


def _over_seconds(row: Row, name: str) -> list[tuple[float | int, float]]:
    """A validated metric against the seconds that training had taken by then."""
    seconds = dict(row.curve("time", "seconds"))
    return [(seconds[step], value) for step, value in row.curve("validation", name) if step in seconds]


def tradeoffs(rows: list[Row]) -> list[tuple[str, str]]:
    """Fidelity against perception, a point a method, wherever both were evaluated: `(title, data address of an SVG)`."""
    protocols = protocols_of(rows)
    cells = {(row.title if method == "ours" else method): columns for row in rows for method, columns in row.cells.items()}
    figures = []
    for dataset, variant in dict.fromkeys((dataset, variant) for dataset, _, variant in columns_of(rows)):
        for perceived in [name for name, protocol in protocols.items() if protocol.about == "perception"]:
            faithful = next(name for name, protocol in protocols.items() if protocol.about == "fidelity")
            x, y = (dataset, faithful, variant), (dataset, perceived, variant)
            both = {name: columns for name, columns in cells.items() if x in columns and y in columns}
            if len(both) > 1:
                points = {name: (columns[x].value, columns[y].value) for name, columns in both.items()}
                along = f"{column_title(x, protocols)}: to the right is closer to the truth"
                up = f"{protocols[perceived].title}: upwards looks more like it"
                title = f"{dataset}: {protocols[faithful].title} against {protocols[perceived].title}"
                figures.append((title, scatter(points, along, up, downwards=not protocols[perceived].higher_is_better)))
    return figures


def studies(rows: list[Row]) -> list[tuple[str, str]]:
    """For every study of the rows' recipes and every metric: both ways, and the gap: `(title, data address of an SVG)`."""
    figures, protocols = [], protocols_of(rows)
    for study in {study: None for row in rows for study in lookup.studies(row.recipe)}:
        for others, scores in side_by_side(rows, study).items():
            if len(scores) < 2:
                continue
            columns = [
                column
                for column in columns_of(rows)
                if all(column in pair[0] and column in pair[1] for pair in scores.values())
            ]
            for column in columns:
                title = " · ".join(filter(None, (column_title(column, protocols), others)))
                curves = [
                    (f"{study.between} {way}", [(place, pair[which][column]) for place, pair in sorted(scores.items())])
                    for which, way in enumerate((study.first, study.second))
                ]
                gap = [(place, pair[0][column] - pair[1][column]) for place, pair in sorted(scores.items())]
                figures.append((title, plot(curves, along=study.along, log_along=True)))
                name = f"gap: {study.first} minus {study.second}"
                figures.append((f"{title}: {name}", plot([(name, gap)], along=study.along, log_along=True, zero=True)))
    return figures


def side_by_side(
    rows: list[Row], study: Study
) -> dict[str, dict[float | int, tuple[dict[Column, float], dict[Column, float]]]]:
    """Scores of both ways at each place of a study, for rows that are alike in everything else (spell_variant where that varies)."""
    grouped: dict[str, dict[float | int, dict[str, dict[Column, float]]]] = {}
    settings = [row.description["settings"] for row in rows]
    for row in rows:
        mine = row.description["settings"]
        if "ours" in row.cells and study.along in mine and study.between in mine:
            ignored = (study.along, study.between, "seed")
            others = {key: value for key, value in mine.items() if key not in ignored}
            varying = {key: value for key, value in others.items() if any(s.get(key) != value for s in settings)}
            values = {column: cell.value for column, cell in row.cells["ours"].items()}
            grouped.setdefault(spell_settings(varying), {}).setdefault(mine[study.along], {})[mine[study.between]] = values
    return {
        others: {
            place: (ways[study.first], ways[study.second])
            for place, ways in places.items()
            if {study.first, study.second} <= ways.keys()
        }
        for others, places in grouped.items()
    }


def scatter(points: dict[str, tuple[float, float]], along: str, up: str, *, downwards: bool) -> str:
    """Named points, as the data address of an SVG; `downwards` lets the numbers fall towards the top."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    for number, (name, point) in enumerate(points.items()):
        axes.plot(*point, "o", color=_COLOURS[number % len(_COLOURS)])
        axes.annotate(name, point, xytext=(6, 4), textcoords="offset points", fontsize=8)
    axes.margins(0.25)
    axes.set_xlabel(along, fontsize=8)
    axes.set_ylabel(up, fontsize=8)
    if downwards:
        axes.invert_yaxis()
    _bare(axes)
    return _svg(figure)


def plot(
    lines: Sequence[tuple[str, Sequence[tuple[float | int, float]]]],
    *,
    log: bool = False,
    along: str = "step",
    log_along: bool = False,
    zero: bool = False,
) -> str:
    """Lines over `along`, as the data address of an SVG; a logarithmic axis has ticks where the points are.

    `zero` draws a line at 0, which is where the curve should go.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.subplots()
    for number, (label, points) in enumerate(lines):
        places, values = zip(*points, strict=True)
        marker = "o" if len(points) < 30 else ""
        axes.plot(
            places,
            values,
            label=textwrap.fill(label, 64),
            color=_COLOURS[number % len(_COLOURS)],
            linewidth=1.6,
            marker=marker,
            markersize=3,
        )
    if zero:
        axes.axhline(0, color="black", linewidth=0.8)
    if log and all(value > 0 for _, points in lines for _, value in points):
        axes.set_yscale("log")
    ticks = sorted({place for _, points in lines for place, _ in points})
    if log_along and all(place > 0 for place in ticks):
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{place:g}" for place in ticks])
        axes.minorticks_off()
    axes.set_xlabel(along)
    _bare(axes)
    if lines:
        axes.legend(frameon=False, fontsize=8).set_in_layout(False)  # however long a row's name is
    return _svg(figure)


def _bare(axes: Any) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _svg(figure: Any) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(content.getvalue()).decode()
