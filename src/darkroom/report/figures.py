"""Figures of a report: training curves, the trade-off of fidelity and perceptual quality, and studies."""

from collections.abc import Sequence

from darkroom.core.record import MetricRecord, Study
from darkroom.report.collect import Cell, Column, Row, spell_settings
from darkroom.report.plots import Points, plot, scatter
from darkroom.report.table import column_title, columns_of, metrics_of

Figure = tuple[str, str]
"""Title and data address of an SVG."""

Scores = dict[Column, float]
"""A row's own numbers by column."""


def curves(rows: Sequence[Row]) -> list[Figure]:
    """One figure for every logged loss and validated metric, with a line for every row; metrics over seconds too."""
    metrics, figures = metrics_of(rows), list[Figure]()
    for split, name in sorted({curve for row in rows for curve in row.curves()}):
        if split == "time" or name.startswith("lr/"):
            continue
        title = _title(split, name, metrics)
        lines = [(row.title, row.curve(split, name)) for row in rows if row.curve(split, name)]
        figures.append((title, plot(lines, x="iteration" if split == "solver" else "step", log_y=split == "train")))
        if split == "validation":
            timed = [(row.title, over_seconds(row, name)) for row in rows]
            if any(points for _, points in timed):
                lines_over_time = [(title, points) for title, points in timed if points]
                figures.append((f"{title}, over training time", plot(lines_over_time, x="seconds of training")))
    return figures


def _title(split: str, name: str, metrics: dict[str, MetricRecord]) -> str:
    """For example "Training loss (network)" or "Validation: PSNR (dB), bsd68"."""
    metric, _, place = name.partition("@")
    words = ", ".join(filter(None, [metrics[metric].heading if metric in metrics else metric, place]))
    if split == "train" and name.startswith("loss/"):
        return f"Training loss ({name.removeprefix('loss/')})"
    return {"train": "Training", "validation": "Validation", "solver": "Solver iterates"}.get(split, split) + f": {words}"


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
    for place, protocol in evaluations:
        here = [column for column in columns if (column.place, column.protocol) == (place, protocol)]
        several = sum(other == place for other, _ in evaluations) > 1
        fidelity = [column for column in here if metrics[column.metric].quality == "fidelity"]
        for y in here if fidelity else ():
            x = fidelity[0]
            both = {name: (cells[x].value, cells[y].value) for name, cells in methods.items() if x in cells and y in cells}
            if metrics[y.metric].quality == "perception" and len(both) > 1:
                title, shown = _tradeoff(both, x, y, metrics)
                figures.append((f"{title} · {protocol}" if several else title, shown))
    return figures


def _tradeoff(points: dict[str, tuple[float, float]], x: Column, y: Column, metrics: dict[str, MetricRecord]) -> Figure:
    axes = [metrics[column.metric] for column in (x, y)]
    labels = [f"{metric.heading}, {'higher' if metric.higher_is_better else 'lower'} is better" for metric in axes]
    shown = scatter(points, *labels, invert_x=not axes[0].higher_is_better, invert_y=not axes[1].higher_is_better)
    return f"{axes[0].title} against {axes[1].title} · {x.place}", shown


def studies(rows: Sequence[Row]) -> list[Figure]:
    """For every study of the rows' recipes and every metric: the scores with both settings, and their gap."""
    figures, metrics, columns = list[Figure](), metrics_of(rows), columns_of(rows)
    for study in dict.fromkeys(study for row in rows for study in row.record.studies):
        for others, pairs in side_by_side(rows, study).items():
            shared = [column for column in columns if all(column in scores for pair in pairs.values() for scores in pair)]
            for column in shared if len(pairs) > 1 else ():
                title = " · ".join(filter(None, (column_title(column, metrics), others)))
                figures += _study(study, title, column, pairs)
    return figures


def _study(study: Study, title: str, column: Column, pairs: dict[float | int, tuple[Scores, Scores]]) -> list[Figure]:
    lines = [
        (f"{study.between} {setting}", [(place, pair[which][column]) for place, pair in sorted(pairs.items())])
        for which, setting in enumerate((study.first, study.second))
    ]
    gap = [(place, pair[0][column] - pair[1][column]) for place, pair in sorted(pairs.items())]
    name = f"gap: {study.first} minus {study.second}"
    return [
        (title, plot(lines, x=study.along, log_x=True)),
        (f"{title}, {name}", plot([(name, gap)], x=study.along, log_x=True, zero=True)),
    ]


def side_by_side(rows: Sequence[Row], study: Study) -> dict[str, dict[float | int, tuple[Scores, Scores]]]:
    """The scores with the first and the second setting of a study, by its numeric setting.

    Rows that differ in other settings are kept apart, by these settings as words ("" where there are none).
    """
    grouped: dict[str, dict[float | int, dict[str, Scores]]] = {}
    settings = [row.settings for row in rows]
    for row in rows:
        place, between = (row.settings.get(name) for name in (study.along, study.between))
        if "ours" not in row.cells or place is None or between is None:
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
