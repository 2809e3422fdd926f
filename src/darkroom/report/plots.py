"""Line plots and scatter plots as SVG data addresses, whose colours follow the page's light or dark mode."""

import base64
import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

Points = Sequence[tuple[float | int, float | int]]

COLOURS = {  # of lines, in light and in dark mode
    "#2563eb": "#60a5fa",
    "#d97706": "#fbbf24",
    "#059669": "#34d399",
    "#dc2626": "#f87171",
    "#7c3aed": "#a78bfa",
    "#0891b2": "#22d3ee",
    "#be185d": "#f472b6",
    "#4d7c0f": "#a3e635",
}
STYLES = ("solid", "dashed", "dotted")
"""Of lines that have one colour."""

MARKERS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "P": "✚", "X": "✖", "*": "★"}
"""Of points: matplotlib's names, and the letters that a legend shows."""

_LIGHT, _LARGEST = tuple(COLOURS), 1e30
_PAGE = {"#1c1917": "#e7e5e4", "#d6d3d1": "#44403c"}
"""Text and axes, and the grid, in light and in dark mode."""

_INK, _GRID = _PAGE


def plot(lines: Sequence[Points], *, x: str, y: str, log_x: bool = False, log_y: bool = False, zero: bool = False) -> str:
    """Lines in one plot; line n has the colour n and, when the colours are used up, the next style.

    Args:
        lines: points of each.
        x, y: labels of the axes.
        log_x: a logarithmic horizontal axis, with ticks at the points where they are few, if all of them are positive.
        log_y: a logarithmic vertical axis, if all values are positive and span more than a factor of three.
        zero: draw a horizontal line at 0.
    """
    shown = [[point for point in points if all(_drawable(number) for number in point)] for points in lines]
    with _axes(3.0, x, y) as axes:
        for number, points in enumerate(shown):
            style = dict(
                color=_LIGHT[number % len(_LIGHT)], linestyle=STYLES[number // len(_LIGHT) % len(STYLES)], linewidth=1.6
            )
            style |= dict(marker="o" if len(points) < 30 else "", markersize=3)
            axes.plot([point[0] for point in points], [point[1] for point in points], **style)
        if zero:
            axes.axhline(0, color=_INK, linewidth=0.8)
        values = [value for points in shown for _, value in points]
        if log_y and values and min(values) > 0 and max(values) > 3 * min(values):
            _logarithmic(axes, "y", max(values) / min(values))
        places = sorted({place for points in shown for place, _ in points})
        if all(isinstance(place, int) for place in places):
            axes.xaxis.get_major_locator().set_params(integer=True)
        if log_x and len(places) > 12 and places[0] > 0:
            _logarithmic(axes, "x", places[-1] / places[0])
        elif log_x and places and places[0] > 0:
            axes.set_xscale("log")
            axes.set_xticks(places, [f"{place:g}" for place in places])
            axes.minorticks_off()
        return _address(axes.figure)


def scatter(points: Points, x: str, y: str, *, invert_x: bool = False, invert_y: bool = False) -> str:
    """Points in one plot, each with a colour and a marker; an inverted axis has its smaller numbers at the right or at the top."""
    with _axes(3.4, x, y) as axes:
        for number, point in enumerate(points):
            style = dict(color=_LIGHT[number % len(_LIGHT)], marker=list(MARKERS)[number % len(MARKERS)], linestyle="")
            if all(map(_drawable, point)):
                axes.plot(*point, **style)
        axes.margins(0.15)
        if invert_x:
            axes.invert_xaxis()
        if invert_y:
            axes.invert_yaxis()
        return _address(axes.figure)


def _drawable(number: float | int) -> bool:
    return math.isfinite(number) and abs(number) < _LARGEST


@contextmanager
def _axes(height: float, x: str, y: str) -> Iterator[Any]:
    """Axes whose text is text: no part of it is read as a formula."""
    from matplotlib import rc_context  # slow to import
    from matplotlib.figure import Figure

    settings: Any = {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 9,
        "svg.fonttype": "none",
        "svg.hashsalt": "darkroom",
        "text.parse_math": False,
        "axes.formatter.useoffset": False,
    }
    with rc_context(settings):
        axes = Figure(figsize=(5.6, height), layout="constrained").subplots()
        axes.set_xlabel(x, color=_INK)
        axes.set_ylabel(y, color=_INK)
        axes.tick_params(color=_INK, labelcolor=_INK)
        axes.grid(color=_GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_INK)
        yield axes


def _logarithmic(axes: Any, which: str, span: float) -> None:
    """A logarithmic axis with plain numbers at its ticks: formulas are off."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=(1.0,) if span > 1e3 else (1.0, 2.0, 5.0), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _address(figure: Any) -> str:
    """The figure as SVG without background, its colours as variables that have two values."""
    content = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of the font that text is measured by; the browser has others
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    both = COLOURS | _PAGE
    names = {light: f"--c{number}" for number, light in enumerate(both)}
    text = re.sub("|".join(both), lambda found: f"var({names[found[0]]})", content.getvalue())
    text = text.replace("'DejaVu Sans'", "system-ui, 'DejaVu Sans'")
    style = _rule({name: light for light, name in names.items()})
    dark = _rule({name: both[light] for light, name in names.items()})
    head, tag, rest = text.partition("<defs>")
    styled = f"{head}<style>{style} @media (prefers-color-scheme: dark) {{ {dark} }}</style>{tag}{rest}"
    return "data:image/svg+xml;base64," + base64.b64encode(styled.encode()).decode()


def _rule(values: Mapping[str, str]) -> str:
    return f":root {{ {' '.join(f'{name}: {value};' for name, value in values.items())} }}"
