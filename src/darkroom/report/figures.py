"""Curves over training, every row over the others."""

import base64
import io

from darkroom.report.collect import Row

_COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")


def curves(rows: list[Row]) -> list[tuple[str, str]]:
    """One figure for every loss and every validated metric: `(title, data address of an SVG)`."""
    wanted = sorted({curve for row in rows for curve in row.curves() if "rate/" not in curve[1]})
    figures = []
    for split, name in wanted:
        lines = [(row.title, row.curve(split, name)) for row in rows]
        figures.append((f"{split}: {name}", plot([line for line in lines if line[1]], log=split == "train")))
    return figures


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
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if lines:
        axes.legend(frameon=False, fontsize=8)
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(content.getvalue()).decode()
