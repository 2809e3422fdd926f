"""Line plots and scatter plots as SVG data addresses, whose colours follow the page's light or dark mode."""

import base64
import html
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from darkroom.report.axes import Axis, Number, linear, logarithmic

Points = Sequence[tuple[Number, Number]]

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
_PAGE = {"#1c1917": "#e7e5e4", "#d6d3d1": "#44403c"}
"""Text and axes, and the grid, in light and in dark mode."""

_INK, _GRID = (f"var(--c{len(COLOURS) + number})" for number in range(len(_PAGE)))

STYLES = {"solid": "", "dashed": "6 3", "dotted": "1.6 2.4"}
"""Of lines that have one colour, with the lengths of their dashes and gaps."""

MARKERS = {  # of points, by the letters that a legend shows: within a square of two units
    "●": "M-1,0 a1,1 0 1,0 2,0 a1,1 0 1,0 -2,0",
    "■": "M-.9,-.9 h1.8 v1.8 h-1.8 Z",
    "▲": "M0,-1 L1,.8 L-1,.8 Z",
    "◆": "M0,-1.1 L1.1,0 L0,1.1 L-1.1,0 Z",
    "▼": "M0,1 L1,-.8 L-1,-.8 Z",
    "✚": "M-.35,-1 h.7 v.65 h.65 v.7 h-.65 v.65 h-.7 v-.65 h-.65 v-.7 h.65 Z",
    "✖": "M-1,-.5 L-.5,-1 L0,-.5 L.5,-1 L1,-.5 L.5,0 L1,.5 L.5,1 L0,.5 L-.5,1 L-1,.5 L-.5,0 Z",
    "★": "M0,-1.1 L.28,-.38 L1.05,-.34 L.45,.14 L.65,.89 L0,.47 L-.65,.89 L-.45,.14 L-1.05,-.34 L-.28,-.38 Z",
}

WIDTH, LINES_HEIGHT, POINTS_HEIGHT = 403, 216, 245
"""In pixels."""

_SIZE, _LETTER, _LINE, _GAP = 9, 5.2, 11, 5
"""Of text, in pixels: its size, the width of a letter as drawn by most browsers, the distance of lines, and around it."""

_LARGEST = 1e30
_SINGLE = 30  # a line of fewer points has markers


def plot(lines: Sequence[Points], *, x: str, y: str, log_x: bool = False, log_y: bool = False, zero: bool = False) -> str:
    """Lines in one plot; line n has the colour n and, when the colours are used up, the next style.

    Args:
        lines: points of each.
        x, y: labels of the axes.
        log_x: a logarithmic horizontal axis, with ticks at the points where they are few, if all of them are positive.
        log_y: a logarithmic vertical axis, if all values are positive and span more than a factor of three.
        zero: draw a horizontal line at 0.
    """
    shown = [[point for point in points if all(map(_drawable, point))] for points in lines]
    values = [value for points in shown for _, value in points]
    many = log_y and values and min(values) > 0 and max(values) > 3 * min(values)
    upright = logarithmic(values) if many else linear([*values, *([0.0] if zero else [])])
    panel = _Panel(LINES_HEIGHT, _across(sorted({place for points in shown for place, _ in points}), log_x), upright, x, y)
    drawn = list(panel.frame())
    if zero:
        drawn.append(panel.line([(panel.across.low, 0.0), (panel.across.high, 0.0)], _INK, width=0.8))
    for number, points in enumerate(shown):
        colour = f"var(--c{number % len(COLOURS)})"
        dashes = list(STYLES.values())[number // len(COLOURS) % len(STYLES)]
        drawn.append(panel.line(points, colour, dashes=dashes))
        drawn += [panel.marker(point, "●", colour, 1.5) for point in points if len(points) < _SINGLE]
    return _address(panel.height, drawn)


def scatter(points: Points, x: str, y: str, *, invert_x: bool = False, invert_y: bool = False) -> str:
    """Points in one plot, each with a colour and a marker; an inverted axis has its smaller numbers at the right or at the top."""
    shown = {number: point for number, point in enumerate(points) if all(map(_drawable, point))}
    across = linear([point[0] for point in shown.values()], space=0.15, inverted=invert_x)
    upright = linear([point[1] for point in shown.values()], space=0.15, inverted=invert_y)
    panel = _Panel(POINTS_HEIGHT, across, upright, x, y)
    markers = [
        panel.marker(point, list(MARKERS)[number % len(MARKERS)], f"var(--c{number % len(COLOURS)})", 3.2)
        for number, point in shown.items()
    ]
    return _address(panel.height, [*panel.frame(), *markers])


def _drawable(number: Number) -> bool:
    return math.isfinite(number) and abs(number) < _LARGEST


def _across(places: Sequence[Number], log_x: bool) -> Axis:
    if log_x and places and places[0] > 0:
        return logarithmic(places, ticks=places if len(places) <= 12 else ())
    return linear(places, whole=all(isinstance(place, int) for place in places))


@dataclass(frozen=True)
class _Panel:
    """Two axes with their words, and what is drawn between them.

    Args:
        height: of all, in pixels.
        across, upright: the axes.
        x, y: their labels.
    """

    height: int
    across: Axis
    upright: Axis
    x: str
    y: str

    @property
    def box(self) -> tuple[Number, Number, Number, Number]:
        """Left, top, right and bottom of what is between the axes."""
        numbers = _LETTER * max((len(word) for word in self.upright.words()), default=0)
        left = 2 * _GAP + _LINE * len(self.y.split("\n")) + numbers
        bottom = self.height - 2 * _GAP - _LINE * (1 + len(self.x.split("\n")))
        return left, 2.0 * _GAP, WIDTH - 3.0 * _GAP, bottom

    def point(self, place: Number, value: Number) -> tuple[Number, Number]:
        """Pixels of a point."""
        left, top, right, bottom = self.box
        return left + self.across.place(place) * (right - left), bottom - self.upright.place(value) * (bottom - top)

    def frame(self) -> Iterator[str]:
        """Grid, axes, numbers and labels."""
        left, top, right, bottom = self.box
        free = -math.inf
        for tick, word in zip(self.across.ticks, self.across.words(), strict=True):
            at, _ = self.point(tick, self.upright.low)
            yield _stroke([(at, top), (at, bottom)], _GRID, 0.6)
            if at - _LETTER * len(word) / 2 > free:
                yield _text(word, at, bottom + _GAP + 0.8 * _SIZE, "middle")
                free = at + _LETTER * len(word) / 2 + _GAP
        for tick, word in zip(self.upright.ticks, self.upright.words(), strict=True):
            _, at = self.point(self.across.low, tick)
            yield _stroke([(left, at), (right, at)], _GRID, 0.6)
            yield _text(word, left - _GAP, at + 0.35 * _SIZE, "end")
        yield _stroke([(left, top), (left, bottom), (right, bottom)], _INK, 0.8)
        for number, line in enumerate(self.x.split("\n"), 1):
            yield _text(line, (left + right) / 2, bottom + _GAP + (1 + number) * _LINE, "middle")
        for number, line in enumerate(self.y.split("\n"), 1):
            yield _text(line, 0.9 * _LINE * number, (top + bottom) / 2, "middle", turned=True)

    def line(self, points: Points, colour: str, *, width: Number = 1.6, dashes: str = "") -> str:
        """A line through points."""
        return _stroke([self.point(*point) for point in points], colour, width, dashes)

    def marker(self, point: tuple[Number, Number], letter: str, colour: str, size: Number) -> str:
        """A marker at a point."""
        x, y = self.point(*point)
        return f'<path d="{MARKERS[letter]}" transform="translate({x:.2f},{y:.2f}) scale({size})" fill="{colour}"/>'


def _stroke(pixels: Points, colour: str, width: Number, dashes: str = "") -> str:
    places = " ".join(f"{x:.2f},{y:.2f}" for x, y in pixels)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"{dashed}/>'


def _text(words: str, x: Number, y: Number, anchor: str, *, turned: bool = False) -> str:
    turn = f' transform="rotate(-90 {x:.2f} {y:.2f})"' if turned else ""
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}"{turn}>{_escaped(words)}</text>'


def _escaped(words: str) -> str:
    """Text for XML, which has no control characters."""
    return html.escape("".join(letter if letter.isprintable() else "�" for letter in words))


def _address(height: int, drawn: Sequence[str]) -> str:
    """An SVG without background, its colours as variables that have two values."""
    both = COLOURS | _PAGE
    light = _rule({f"--c{number}": colour for number, colour in enumerate(both)})
    dark = _rule({f"--c{number}": colour for number, colour in enumerate(both.values())})
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="system-ui, \'DejaVu Sans\', sans-serif" font-size="{_SIZE}" fill="{_INK}">'
    )
    style = f"<style>{light} @media (prefers-color-scheme: dark) {{ {dark} }}</style>"
    text = "\n".join(itertools.chain([head, style], drawn, ["</svg>"]))
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()


def _rule(values: Mapping[str, str]) -> str:
    return f":root {{ {' '.join(f'{name}: {value};' for name, value in values.items())} }}"
