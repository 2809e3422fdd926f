"""`darkroom train`."""

import dataclasses
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from darkroom.cli.parse import documented, flat, parse, with_defaults
from darkroom.cli.progress import TrainingProgress
from darkroom.cli.sweep import Launch, as_jobs, in_turn, seeds_in
from darkroom.core.errors import DarkroomError
from darkroom.core.record import spell
from darkroom.recipes.outline import check_row, names, outline
from darkroom.workflows.options import RunOptions
from darkroom.workflows.processes import is_first

if TYPE_CHECKING:
    from darkroom.workflows.sweep import Training

ALL = "all"
"""Instead of a row: every row but those whose names begin with laptop."""


def command(arguments: list[str]) -> None:
    """Train a row of a recipe, or resume training it."""
    words = list(itertools.takewhile(lambda word: not word.startswith("-"), arguments))
    help_requested = bool({"-h", "--help"} & set(arguments))
    if not words:
        _print_recipes()
        if not help_requested:
            raise DarkroomError("which recipe? For example: darkroom train dncnn laptop")
        return
    docstring, rows = _stated(words[0])
    if len(words) < 2:
        print(
            f"{docstring.strip()}\n\nrows: {', '.join([*rows, ALL])} ({ALL}: every row but those whose names begin with laptop)"
        )
        if not help_requested:
            raise DarkroomError(f"which row of {words[0]}? There are {', '.join([*rows, ALL])}")
    else:
        chosen = [row for row in rows if not row.startswith("laptop")] if words[1:] == [ALL] else words[1:]
        for row in chosen:
            check_row(row, rows, Path(words[0]).stem)
        _train(words[0], chosen, arguments[len(words) :])


def _stated(recipe: str) -> tuple[str, list[str]]:
    """Docstring and rows of a recipe; only one outside the package is imported for it."""
    if not recipe.endswith(".py"):
        found = outline(recipe)
        return found.docstring, list(found.rows)
    from darkroom.recipes import lookup

    outside = lookup.find(recipe)
    return outside.__doc__ or "", list(outside.ROWS)


def _print_recipes() -> None:
    choices = "\n".join(f"  darkroom train {name} {{{', '.join(outline(name).rows)}, {ALL}}}" for name in names())
    print(f"usage: darkroom train RECIPE ROW [options]\n\n{choices}\n")
    print("RECIPE may also be the path of a recipe of your own: darkroom train my_recipe.py laptop\n")
    print("Example: darkroom train dncnn laptop")
    print("The same command resumes an interrupted run. Options of a row: darkroom train RECIPE ROW --help")


def _train(recipe: str, rows: list[str], arguments: list[str]) -> None:
    """Train every row with every seed."""
    from darkroom.recipes import lookup
    from darkroom.workflows.sweep import Training

    found, trainings, launchers = lookup.find(recipe), list[Training](), set[str]()
    for row, words in itertools.product(rows, seeds_in(arguments)):
        settings = with_defaults(found.recipe, lookup.row(recipe, row), "Settings")
        fields = [("recipe", settings), ("run", documented(RunOptions)), ("launch", documented(Launch))]
        given = parse(dataclasses.make_dataclass("Train", fields), words, f"train {recipe} {row}", description=found.__doc__)
        trainings.append(Training(recipe, row, given.run, flat(given.recipe)))
        launchers.add(given.launch.launcher)
    if launchers == {"slurm"}:
        as_jobs(trainings)
    else:
        in_turn(trainings, _train_one)


def _train_one(training: "Training") -> None:
    from darkroom.recipes import lookup
    from darkroom.workflows.train import train

    with TrainingProgress(f"{lookup.name_of(training.recipe)} {training.row}") as listener:
        folder = train(training.recipe, training.row, options=training.options, listener=listener, **training.settings)
    if is_first():
        _show_results(folder.path)


def _show_results(folder: Path) -> None:
    """One small table for every evaluation: methods down, metrics across."""
    from darkroom.report.collect import rows_below
    from darkroom.report.table import columns_of, lines_of, metrics_of

    rows = [dataclasses.replace(row, shared=row.changed) for row in rows_below([folder])[0]]  # the command shows the changes
    metrics, columns, console = metrics_of(rows), columns_of(rows), Console(markup=False)
    for place in dict.fromkeys((column.dataset, column.variant, column.protocol) for column in columns):
        own = [column for column in columns if (column.dataset, column.variant, column.protocol) == place]
        title = " · ".join([place[0], *spell(dict(place[1]))])
        table = Table("method", *[metrics[column.metric].heading for column in own], title=title)
        for line in lines_of(rows, own):
            table.add_row(line.name, *line.numbers, style={"ours": "bold", "published": "italic"}.get(line.kind))
        console.print(table)
    print(f"{folder}\nreport with images and curves: darkroom report {folder}")
