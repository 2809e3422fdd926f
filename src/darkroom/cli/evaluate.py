"""`darkroom evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Column, Table

from darkroom.cli.parse import parse
from darkroom.cli.progress import Bars
from darkroom.core.record import Result, spell, to_json
from darkroom.core.threads import Threads
from darkroom.workflows.options import Accelerator

if TYPE_CHECKING:
    from darkroom.core.evaluation import Evaluation
    from darkroom.workflows.evaluate import Comparison


@dataclass
class Evaluate:
    """Evaluate weights by the protocol of the published tables, several in one table.

    A network for super-resolution is evaluated on downscaled images (PSNR and SSIM on luma, border cropped), another restoration
    network as a denoiser (Gaussian noise, PSNR and SSIM over all channels), and other weights, for example of a scene, as their
    recipe does.

    Example: darkroom evaluate runs/safmn/x2 their_esrgan_x2.pth --test-set set5

    Example: darkroom evaluate dncnn_25.pth --test-set bsd68 --test-sigmas 25
    """

    weights: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Runs' folders, RECIPE/ROW for runs below runs/, weights files, or other programs' checkpoints (.pth, .safetensors)."""
    test_set: str | None = None
    """embedded, bsd68, set5 and the like, or a folder or zip file of images; by default bsd68, or set5 for super-resolution."""
    test_sigmas: Annotated[tuple[float, ...], tyro.conf.arg(metavar="S [S ...]")] = (15.0, 25.0, 50.0)
    """Noise levels on the 0-255 scale."""
    quantised: bool = False
    """Clip the noisy image and round it to 8 bits."""
    reduction: Literal["nearest", "bilinear", "bicubic", "matlab"] = "matlab"
    """Kernel of the downscaling; matlab is the published tables' bicubic."""
    baselines: Literal["cached", "all", "again"] = "cached"
    """cached: those that take no time or were evaluated before; all: those that were not, too; again: all of them anew."""
    accelerator: Accelerator = "auto"
    """Device to compute on."""
    threads: int | None = None
    """CPU threads; by default as many as are free."""
    recipe: str | None = None
    """The recipe's file, for weights of a recipe of your own."""
    output: Path | None = None
    """Also write the results, one JSON object per line."""


def command(arguments: list[str]) -> None:
    """Evaluate weights on a test set."""
    given = parse(Evaluate, arguments, "evaluate")
    threads = Threads(given.threads)
    threads.watch()
    from darkroom.core.files import write_json_lines
    from darkroom.workflows.evaluate import Protocol, compare

    threads.begin()
    protocol = Protocol(given.test_set, given.test_sigmas, given.quantised, given.reduction)
    with Bars(transient=True) as bars:
        found = compare(
            given.weights,
            protocol,
            baselines=given.baselines,
            accelerator=given.accelerator,
            recipe=given.recipe,
            progress=bars.show,
        )
    Console().print(_table(found))
    for definition in dict.fromkeys(metric.definition for evaluation in found.evaluations for metric in evaluation.metrics):
        print(definition)
    for words in dict.fromkeys(_spelled(evaluation) for evaluation in found.evaluations):
        print(words)
    if given.output:
        write_json_lines(given.output, [to_json(result) for result in found.results])


def _table(found: "Comparison") -> Table:
    """Methods down, metrics across; the weights last."""
    columns = [(evaluation, metric) for evaluation in found.evaluations for metric in evaluation.metrics]
    headings = [" · ".join([*_place(found, evaluation), metric.describe().heading]) for evaluation, metric in columns]
    sets = dict.fromkeys(f"{evaluation.name}, {len(evaluation)} examples" for evaluation in found.evaluations)
    title = f"{'; '.join(sets)}, on {found.device}"
    table = Table(Column("method", overflow="fold"), *headings, "seconds each", title=title)
    methods = dict.fromkeys(result.method for result in found.results)
    for name in sorted(methods, key=lambda name: name in found.names):
        own = {_key(result): result for result in found.results if result.method == name}
        keys = [(evaluation.name, metric.name, tuple(evaluation.variant.items())) for evaluation, metric in columns]
        numbers = [
            metric.describe().format(own[key].value) if key in own else ""
            for key, (_, metric) in zip(keys, columns, strict=True)
        ]
        seconds = max(result.seconds for result in own.values())
        table.add_row(name, *numbers, f"{seconds:.3f}", style="bold" if name in found.names else None)
    return table


def _place(found: "Comparison", evaluation: "Evaluation") -> list[str]:
    """Variant, and the test set where there are several."""
    several = len({evaluation.name for evaluation in found.evaluations}) > 1
    return [*([evaluation.name] if several else []), *spell(evaluation.variant)]


def _key(result: Result) -> tuple[str, str, tuple[tuple[str, float | str], ...]]:
    return result.dataset, result.metric, tuple(result.variant.items())


def _spelled(evaluation: "Evaluation") -> str:
    return f"Inputs of {evaluation.title}: {evaluation.protocol()}."
