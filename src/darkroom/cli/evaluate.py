"""`darkroom evaluate`."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Column, Table

from darkroom.cli.parse import parse
from darkroom.cli.processes import run_in_several
from darkroom.cli.progress import Bars
from darkroom.core.errors import DarkroomError
from darkroom.core.record import Result, spell, to_json
from darkroom.core.threads import Threads
from darkroom.recipes.paths import weights_paths
from darkroom.recipes.ranges import AT_LEAST_0, PROCESSES, QUALITY, THREADS, Range
from darkroom.workflows.options import Accelerator
from darkroom.workflows.processes import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.core.evaluation import Evaluation
    from darkroom.workflows.evaluate import Comparison


@dataclass
class Evaluate:
    """Evaluate weights by the protocol of the published tables, several in one table.

    A network for super-resolution is evaluated on downscaled images (PSNR and SSIM on luma, border cropped), another restoration
    network as a denoiser (Gaussian noise, PSNR and SSIM over all channels). Networks for blind deblurring and other weights, for
    example of a scene, are evaluated as their recipe does.

    Example: darkroom evaluate runs/safmn/x2 their_esrgan_x2.pth --test-set set5

    Example: darkroom evaluate jpeg --test-set bsd100 --test-qualities 10,20,40

    Example: darkroom evaluate dncnn_25.pth --test-set bsd68 set12 --test-sigmas 15,25

    Example: darkroom evaluate denoise --test-set photos/ --scores scores/ --processes 4
    """

    weights: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Networks of the package (darkroom models), runs' folders, RECIPE/ROW for runs below runs/, weights files, or other programs'
    checkpoints (.pth, .safetensors)."""
    test_set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="SET [SET ...]")] = ()
    """embedded, bsd68, set5 and the like, or folders or zip files of images; by default bsd68, or set5 for super-resolution."""
    test_sigmas: Annotated[tuple[float, ...], AT_LEAST_0, tyro.conf.arg(metavar="S [S ...]")] = (15.0, 25.0, 50.0)
    """Noise levels on the 0-255 scale."""
    quantised: bool = False
    """Clip the noisy image and round it to 8 bits."""
    test_qualities: Annotated[tuple[float, ...], QUALITY, tyro.conf.arg(metavar="Q [Q ...]")] = ()
    """Qualities of JPEG: images are compressed instead of noisy, and small images that are to be enlarged after they were reduced."""
    reduction: Literal["nearest", "bilinear", "bicubic", "matlab", "matlab_float"] = "matlab"
    """Kernel of the downscaling; matlab is the published tables' bicubic."""
    baselines: Literal["cached", "all", "again"] = "cached"
    """cached: those that take no time or were evaluated before; all: those that were not, too; again: all of them anew."""
    accelerator: Accelerator = "auto"
    """Device to compute on."""
    scores: Path | None = None
    """A folder that keeps the scores of every image: an interrupted evaluation is resumed by the same command, and processes share
    the images, also those of torchrun and Slurm."""
    processes: Annotated[int | None, Range(1, PROCESSES)] = None
    """Processes that share the images of --scores; by default one for each GPU, and one on a CPU."""
    threads: Annotated[int | None, THREADS] = None
    """CPU threads of each process; by default as many as are free."""
    recipe: str | None = None
    """The recipe's file, for weights of a recipe of your own."""
    output: Path | None = None
    """Also write the results, one JSON object per line; after every evaluation those so far."""


def command(arguments: list[str]) -> None:
    """Evaluate weights on a test set."""
    given = parse(Evaluate, arguments, "evaluate")
    weights_paths(given.weights)
    threads = Threads(given.threads, processes=place().processes)
    threads.watch()
    if given.scores is not None:
        run_in_several(given.processes, given.accelerator, sys.maxsize, silent=True)
    elif (given.processes or place().processes) > 1:
        raise DarkroomError("several processes need a folder to agree on: give one, for example --scores scores/")
    from darkroom.workflows.evaluate import Protocol, compare

    threads.begin()
    protocol = Protocol(given.test_set, given.test_sigmas, given.quantised, given.test_qualities, given.reduction)
    with Bars(transient=True) as bars:
        found = compare(
            given.weights,
            protocol,
            baselines=given.baselines,
            accelerator=given.accelerator,
            recipe=given.recipe,
            scores=given.scores,
            progress=bars.show,
            partial_results=partial(_write, given.output) if given.output else None,
        )
    if found.complete:
        _print(found)
    else:
        print(
            f"process {place().number + 1} of {place().processes} has ended; the last one, or the same command alone, shows all"
        )


def _write(output: Path, found: "Comparison") -> None:
    from darkroom.core.files import write_json_lines

    write_json_lines(output, [to_json(result) for result in found.results])


def _print(found: "Comparison") -> None:
    """A table for every test set, and the definitions of its columns."""
    for test_set in dict.fromkeys(evaluation.name for evaluation in found.evaluations):
        Console(markup=False).print(
            _table(found, [evaluation for evaluation in found.evaluations if evaluation.name == test_set])
        )
    for definition in dict.fromkeys(metric.definition for evaluation in found.evaluations for metric in evaluation.metrics):
        print(definition)
    for words in dict.fromkeys(_spelled(evaluation) for evaluation in found.evaluations):
        print(words)


def _table(found: "Comparison", evaluations: "Sequence[Evaluation]") -> Table:
    """Methods down, metrics on one test set across; the weights last."""
    columns = [(evaluation, metric) for evaluation in evaluations for metric in evaluation.metrics]
    headings = [" · ".join([*spell(evaluation.variant), metric.describe().heading]) for evaluation, metric in columns]
    unit, count = evaluations[0].unit, len(evaluations[0])
    title = f"{evaluations[0].name}, {count} {unit}{'s' * (count != 1)}, on {found.device}"
    measured = [result for result in found.results if result.dataset == evaluations[0].name]
    table = Table(Column("method", overflow="fold"), *headings, f"seconds per {unit}", title=title)
    methods = dict.fromkeys(result.method for result in measured)
    for name in sorted(methods, key=lambda name: name in found.names):
        own = {_key(result): result for result in measured if result.method == name}
        keys = [(evaluation.name, metric.name, tuple(evaluation.variant.items())) for evaluation, metric in columns]
        numbers = [
            metric.describe().format(own[key].value) if key in own else ""
            for key, (_, metric) in zip(keys, columns, strict=True)
        ]
        seconds = max(result.seconds for result in own.values())
        table.add_row(name, *numbers, f"{seconds:.3f}", style="bold" if name in found.names else None)
    return table


def _key(result: Result) -> tuple[str, str, tuple[tuple[str, float | str], ...]]:
    return result.dataset, result.metric, tuple(result.variant.items())


def _spelled(evaluation: "Evaluation") -> str:
    return f"Inputs of {evaluation.title}: {evaluation.protocol()}."
