"""Curves over training, every row over the others."""

import base64
import io
from typing import Any

from darkroom.report.collect import Row
from darkroom.report.table import column_title, columns_of, protocols_of

_COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")


def curves(rows: list[Row]) -> list[tuple[str, str]]:
    """One figure for every loss and every validated metric: `(title, data address of an SVG)`."""
    wanted = sorted({curve for row in rows for curve in row.curves() if "rate/" not in curve[1]})
    figures = []
    for split, name in wanted:
        lines = [(row.title, row.curve(split, name)) for row in rows]
        figures.append((f"{split}: {name}", plot([line for line in lines if line[1]], log=split == "train")))
    return figures


def tradeoffs(rows: list[Row]) -> list[tuple[str, str]]:
    """Fidelity against perception, a point a method, wherever both were judged: `(title, data address of an SVG)`."""
    protocols = protocols_of(rows)
    cells = {(row.title if method == "ours" else method): columns for row in rows for method, columns in row.cells.items()}
    figures = []
    for dataset, varied in dict.fromkeys((dataset, varied) for dataset, _, varied in columns_of(rows)):
        for perceived in [name for name, protocol in protocols.items() if protocol.about == "perception"]:
            faithful = next(name for name, protocol in protocols.items() if protocol.about == "fidelity")
            x, y = (dataset, faithful, varied), (dataset, perceived, varied)
            both = {name: columns for name, columns in cells.items() if x in columns and y in columns}
            if len(both) > 1:
                points = {name: (columns[x].value, columns[y].value) for name, columns in both.items()}
                along = f"{column_title(x, protocols)}: to the right is closer to the truth"
                up = f"{protocols[perceived].title}: upwards looks more like it"
                title = f"{dataset}: {protocols[faithful].title} against {protocols[perceived].title}"
                figures.append((title, scatter(points, along, up, downwards=not protocols[perceived].higher_is_better)))
    return figures


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


def plot(lines: list[tuple[str, list[tuple[int, float]]]], *, log: bool) -> str:
    """Lines over the step, as the data address of an SVG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.subplots()
    for number, (label, points) in enumerate(lines):
        steps, values = zip(*points, strict=True)
        marker = "o" if len(points) < 30 else ""
        axes.plot(
            steps, values, label=label, color=_COLOURS[number % len(_COLOURS)], linewidth=1.6, marker=marker, markersize=3
        )
    if log and all(value > 0 for _, points in lines for _, value in points):
        axes.set_yscale("log")
    axes.set_xlabel("step")
    _bare(axes)
    if lines:
        axes.legend(frameon=False, fontsize=8)
    return _svg(figure)


def _bare(axes: Any) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _svg(figure: Any) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(content.getvalue()).decode()
