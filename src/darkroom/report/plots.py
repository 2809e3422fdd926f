"""Line plots and scatter plots as SVG data addresses."""

import base64
import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

Points = Sequence[tuple[float | int, float]]

_COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")
_MARKERS = "os^DvPX*"


def plot(
    lines: Sequence[tuple[str, Points]],
    *,
    x: str = "step",
    y: str = "",
    log_x: bool = False,
    log_y: bool = False,
    zero: bool = False,
) -> str:
    """Named lines in one plot.

    Args:
        lines: name and points of each.
        x, y: labels of the axes.
        log_x: a logarithmic horizontal axis with ticks at the points, if all of them are positive.
        log_y: a logarithmic vertical axis, if all values are positive.
        zero: draw a horizontal line at 0.
    """
    axes = _axes(5.6, 3.2, x, y)
    for number, (name, points) in enumerate(lines):
        style = dict(
            color=_COLOURS[number % len(_COLOURS)], linewidth=1.6, marker="o" if len(points) < 30 else "", markersize=3
        )
        axes.plot([point[0] for point in points], [point[1] for point in points], label=textwrap.fill(name, 64), **style)
    if zero:
        axes.axhline(0, color="black", linewidth=0.8)
    if log_y and all(value > 0 for _, points in lines for _, value in points):
        axes.set_yscale("log")
    ticks = sorted({place for _, points in lines for place, _ in points})
    if log_x and all(place > 0 for place in ticks):
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{place:g}" for place in ticks])
        axes.minorticks_off()
    if lines:
        axes.legend(frameon=False, fontsize=8).set_in_layout(False)  # a long name must not shrink the plot
    return _svg(axes.figure)


def scatter(
    points: Mapping[str, tuple[float, float]], x: str, y: str, *, invert_x: bool = False, invert_y: bool = False
) -> str:
    """Named points in one plot; an inverted axis has its smaller numbers at the right or at the top."""
    axes = _axes(5.6, 3.6, x, y)
    for number, (name, point) in enumerate(points.items()):
        style = dict(color=_COLOURS[number % len(_COLOURS)], marker=_MARKERS[number % len(_MARKERS)], linestyle="")
        axes.plot(*point, label=textwrap.fill(name, 48), **style)
    axes.margins(0.15)
    axes.legend(frameon=False, fontsize=8).set_in_layout(False)
    if invert_x:
        axes.invert_xaxis()
    if invert_y:
        axes.invert_yaxis()
    return _svg(axes.figure)


def _axes(width: float, height: float, x: str, y: str) -> Any:
    from matplotlib.figure import Figure  # slow to import

    axes = Figure(figsize=(width, height), layout="constrained").subplots()
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _svg(figure: Any) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(content.getvalue()).decode()
