"""Figures of a report: training curves, the trade-off of fidelity and perceptual quality, and studies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkroom.core.record import MetricRecord, Study, spell
from darkroom.report.collect import Cell, Row
from darkroom.report.plots import COLOURS, MARKERS, STYLES, Points, plot, scatter
from darkroom.report.table import columns_of, metrics_of
from darkroom.report.trained_run import Column
from darkroom.report.words import place, spell_settings

Scores = dict[Column, float]
"""A row's own numbers by column."""


@dataclass(frozen=True)
class Key:
    """An entry of a legend: a name, the number of its colour, and the style of its line or the letter of its marker."""

    name: str
    colour: int
    style: str = ""
    marker: str = ""


@dataclass(frozen=True)
class Figure:
    """A plot with its words.

    Args:
        caption: what is shown, and where it was measured.
        names: of the lines or points.
        address: of the SVG, as data.
        marked: whether the names are those of points.
    """

    caption: str
    names: Sequence[str]
    address: str
    marked: bool = False

    @property
    def alt(self) -> str:
        """What the plot shows, for readers who do not see it."""
        return f"Plot: {self.caption}; {', '.join(self.names)}"

    @property
    def legend(self) -> list[Key]:
        """The entries, where there is more than one; colours, styles and markers as the plot has them."""
        if len(self.names) < 2:
            return []
        marks, styles = list(MARKERS), [style for style in STYLES for _ in COLOURS]
        return [
            Key(name, n % len(COLOURS), marker=marks[n % len(marks)])
            if self.marked
            else Key(name, n % len(COLOURS), styles[n % len(styles)])
            for n, name in enumerate(self.names)
        ]


def curves(rows: Sequence[Row]) -> list[Figure]:
    """One figure for every logged loss and validated metric, with a line for every row; metrics over training time too."""
    metrics, figures, places = metrics_of(rows), list[Figure](), _places(rows)
    for split, name in sorted({curve for row in rows for curve in row.curves()}):
        if split == "time" or name.startswith("lr/"):
            continue
        caption, y = _words(split, name, metrics, places)
        lines = {row.title: row.curve(split, name) for row in rows if row.curve(split, name)}
        x = "iteration of the solver" if split == "solver" else "step"
        figures.append(Figure(caption, list(lines), plot(list(lines.values()), x=x, y=y, log_y=split == "train")))
        if split == "validation":
            timed = {title: points for title, points in _timed(rows, name).items() if points}
            if timed:
                address = plot(_in_minutes(timed), x="training time (minutes)", y=y)
                figures.append(Figure(f"{caption}, against training time", list(timed), address))
    return figures


def _places(rows: Sequence[Row]) -> dict[str, str]:
    """Test sets and variants in words, by what curves are called in the journal."""
    evaluations = [evaluation for row in rows for evaluation in row.record.evaluations]
    return {" ".join([e.dataset, *spell(e.variant)]): place(e.dataset, e.variant) for e in evaluations}


def _words(split: str, name: str, metrics: Mapping[str, MetricRecord], places: Mapping[str, str]) -> tuple[str, str]:
    """Caption and vertical axis, for example "Validation PSNR on BSD68" and "PSNR (dB)"."""
    metric, _, where = name.partition("@")
    if split == "train" and name.startswith("loss/"):
        network = name.removeprefix("loss/")
        return f"Training loss of the {network}", "loss"
    title, heading = (metrics[metric].title, metrics[metric].heading) if metric in metrics else (metric, metric)
    begun = {"train": "In training, ", "validation": "Validation ", "solver": "Along the iterations, "}.get(split, f"{split}: ")
    on = f" on {places.get(where, place(where, {}))}" if where else ""
    return f"{begun}{title}{on}", heading


def _timed(rows: Sequence[Row], name: str) -> dict[str, Points]:
    return {row.title: over_seconds(row, name) for row in rows}


def _in_minutes(lines: Mapping[str, Points]) -> list[Points]:
    return [[(seconds / 60, value) for seconds, value in points] for points in lines.values()]


def over_seconds(row: Row, name: str) -> Points:
    """A validated metric against the seconds that training had taken by then."""
    seconds = dict(row.curve("time", "seconds"))
    return [(seconds[step], value) for step, value in row.curve("validation", name) if step in seconds]


def tradeoffs(rows: Sequence[Row]) -> list[Figure]:
    """Fidelity against perceptual quality, one point for every method, where both were measured on one test set."""
    metrics, figures = metrics_of(rows), list[Figure]()
    methods: dict[str, dict[Column, Cell]] = {}
    for row in rows:
        for method, cells in row.cells.items():
            methods.setdefault(row.title if method == "ours" else method, {}).update(cells)
    columns = columns_of(rows)
    evaluations = dict.fromkeys((column.place, column.protocol) for column in columns)
    for where, protocol in evaluations:
        here = [column for column in columns if (column.place, column.protocol) == (where, protocol)]
        several = sum(other == where for other, _ in evaluations) > 1
        fidelity = [column for column in here if metrics[column.metric].quality == "fidelity"]
        for y in here if fidelity else ():
            x = fidelity[0]
            both = {name: (cells[x].value, cells[y].value) for name, cells in methods.items() if x in cells and y in cells}
            if metrics[y.metric].quality == "perception" and len(both) > 1:
                figures.append(_tradeoff(both, x, y, metrics, f" ({protocol})" if several else ""))
    return figures


def _tradeoff(
    points: dict[str, tuple[float, float]], x: Column, y: Column, metrics: dict[str, MetricRecord], remark: str
) -> Figure:
    axes = [metrics[column.metric] for column in (x, y)]
    labels = [f"{metric.heading}, {'higher' if metric.higher_is_better else 'lower'} is better" for metric in axes]
    inverted = [not metric.higher_is_better for metric in axes]
    address = scatter(list(points.values()), *labels, invert_x=inverted[0], invert_y=inverted[1])
    return Figure(f"{axes[0].title} against {axes[1].title} on {x.place}{remark}", list(points), address, marked=True)


def studies(rows: Sequence[Row]) -> list[Figure]:
    """For every study of the rows' recipes and every metric: the scores with both settings, and their gap."""
    figures, metrics, columns = list[Figure](), metrics_of(rows), columns_of(rows)
    for study in dict.fromkeys(study for row in rows for study in row.record.studies):
        for others, pairs in side_by_side(rows, study).items():
            shared = [column for column in columns if all(column in scores for pair in pairs.values() for scores in pair)]
            for column in shared if len(pairs) > 1 else ():
                figures += _study(study, column, metrics[column.metric], pairs, f" ({others})" if others else "")
    return figures


def _study(
    study: Study, column: Column, metric: MetricRecord, pairs: dict[float | int, tuple[Scores, Scores]], remark: str
) -> list[Figure]:
    along, between = (name.replace("_", " ") for name in (study.along, study.between))
    lines = [[(x, pair[which][column]) for x, pair in sorted(pairs.items())] for which in (0, 1)]
    gap = [(x, pair[0][column] - pair[1][column]) for x, pair in sorted(pairs.items())]
    caption = f"{metric.title} on {column.place}, against {along}{remark}"
    difference = f"{study.first} minus {study.second} {between}"
    both = plot(lines, x=along, y=metric.heading, log_x=True)
    apart = plot([gap], x=along, y=f"difference of {metric.heading}", log_x=True, zero=True)
    names = [f"{study.first} {between}", f"{study.second} {between}"]
    return [Figure(caption, names, both), Figure(f"{caption}: {difference}", [difference], apart)]


def side_by_side(rows: Sequence[Row], study: Study) -> dict[str, dict[float | int, tuple[Scores, Scores]]]:
    """The scores with the first and the second setting of a study, by its numeric setting.

    Rows that differ in other settings are kept apart, by these settings as words ("" where there are none).
    """
    grouped: dict[str, dict[float | int, dict[str, Scores]]] = {}
    settings = [row.settings for row in rows]
    for row in rows:
        place, between = (row.settings.get(name) for name in (study.along, study.between))
        if "ours" not in row.cells or not isinstance(place, int | float) or between is None:
            continue
        others = {key: value for key, value in row.settings.items() if key not in (study.along, study.between)}
        varying = {key: value for key, value in others.items() if any(s.get(key) != value for s in settings)}
        scores = {column: cell.value for column, cell in row.cells["ours"].items()}
        grouped.setdefault(spell_settings(varying), {}).setdefault(place, {})[str(between)] = scores
    found = {
        others: {
            place: (scores[study.first], scores[study.second])
            for place, scores in places.items()
            if {study.first, study.second} <= scores.keys()
        }
        for others, places in grouped.items()
    }
    return {others: pairs for others, pairs in found.items() if pairs}
