"""`darkroom evaluate`."""

from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.table import Column, Table

from darkroom.cli.device import Accelerator, chosen
from darkroom.cli.parse import parse
from darkroom.cli.progress import counted
from darkroom.core.errors import DarkroomError
from darkroom.core.files import write_json_lines
from darkroom.core.method import Predict
from darkroom.data.image_set import ImageSet
from darkroom.data.named_sets import evaluation_images
from darkroom.engine.evaluate import Result, answers, summarise
from darkroom.engine.run import Evaluation
from darkroom.engine.train import device_name
from darkroom.methods.regression import Regression, half_squared_error
from darkroom.metrics.fidelity import psnr
from darkroom.operators.resample import Kernel, ReducedPair, enlargements
from darkroom.recipes import lookup
from darkroom.recipes.protocols import denoising, super_resolution
from darkroom.report.collect import Protocol


def command(arguments: list[str]) -> None:
    """Evaluation weights on images."""

    def evaluation(
        weights: Annotated[tuple[Path, ...], tyro.conf.Positional],
        data: str | None = None,
        sigma: Annotated[tuple[float, ...], tyro.conf.arg(metavar="S [S ...]")] = (15.0, 25.0, 50.0),
        quantised: bool = False,
        reduction: Kernel = "matlab",
        baselines: bool = False,
        accelerator: Accelerator = "auto",
        output: Path | None = None,
    ) -> None:
        """Evaluation weights by the protocol of the published tables, several in one table.

        A network that enlarges is evaluated on reduced images (PSNR and SSIM on luma, border cropped), any other as a
        denoiser (Gaussian noise, PSNR and SSIM over all channels).

        Example: darkroom evaluate runs/safmn/x2 their_esrgan_x2.pth --data set5

        Example: darkroom evaluate dncnn_25.pth --data bsd68 --sigma 25

        Args:
            weights: Runs' folders, weights files of Darkroom's, or other people's checkpoints (.pth, .safetensors).
            data: ImageSet: embedded, bsd68, set5 and the like, or a folder; by default bsd68, or set5 to be enlarged.
            sigma: Noise levels on the 0-255 scale.
            quantised: Clip the noisy image and round it to 8 bits.
            reduction: How images are reduced; matlab is the published tables' bicubic.
            baselines: Evaluation all classical denoisers too.
            accelerator: What to compute on.
            output: Also write the numbers, one JSON object a line.
        """
        if not weights:
            raise DarkroomError("which weights? For example: darkroom evaluate runs/dncnn/laptop --data embedded")
        unique = len({path.name for path in weights}) == len(weights)
        networks = {path.name if unique else str(path): lookup.network(path).eval() for path in weights}
        kinds = {(network.scale, network.channels) for network in networks.values()}
        if len(kinds) > 1:
            said = "; ".join(f"{name}: x{n.scale}, {n.channels} channel(s)" for name, n in networks.items())
            raise DarkroomError(f"these weights answer different questions and fit no table together: {said}")
        ((scale, channels),) = kinds
        images = evaluation_images(data or ("bsd68" if scale == 1 else "set5"), grey=channels == 1)
        len(images)
        device = chosen(accelerator)
        table = _Table()
        for name, network in networks.items():
            predict = Regression(network, half_squared_error).to(device).predict
            evaluations = (
                _enlarging(images, scale, reduction)
                if scale > 1
                else denoising.evaluations(images, sigma, quantised=quantised, noise_conditional=network.noise_conditional)
            )
            for evaluation_ in evaluations:
                table.ask(name, predict, evaluation_, device)
        for evaluation_ in evaluations:
            for name, baseline in evaluation_.baselines.items():
                if scale > 1 or baselines or name == "noisy input":
                    table.ask(name, baseline, evaluation_, torch.device("cpu"))
        colours = "grey" if channels == 1 else "colour"
        table.show(f"{images.name}, {len(images)} images, {colours}, on {device_name(device)}", list(networks))
        for metric in evaluations[0].metrics:
            print(metric.definition)
        print(f"Question: {evaluations[0].degrade if scale > 1 else _spoken(quantised)}")
        if output:
            write_json_lines(output, table.lines)

    parse(evaluation, arguments, "evaluate")


def _enlarging(images: ImageSet, scale: int, reduction: Kernel) -> list[Evaluation]:
    variant: dict[str, float | str] = {"scale": float(scale)}
    if reduction != "matlab":
        variant["reduction"] = reduction
    metrics = (*super_resolution.metrics(scale), psnr)
    return [Evaluation(images, ReducedPair(scale, reduction), metrics, variant, enlargements(scale))]


def _spoken(quantised: bool) -> str:
    how = "clipped and rounded to 8 bits" if quantised else "neither clipped nor rounded"
    return f"Gaussian noise {how}; same seed for every image."


class _Table:
    """What was answered so far."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.cells: dict[str, dict[str, str]] = {}
        self.seconds: dict[str, float] = {}

    def ask(self, name: str, predict: Predict, evaluation: Evaluation, device: torch.device) -> None:
        said = " ".join([name, *spell_variant(evaluation.variant)])
        results = summarise(name, evaluation, list(counted(said, answers(predict, evaluation, device), len(evaluation.images))))
        for metric, result in zip(evaluation.metrics, results, strict=True):
            protocol = Protocol(**metric.described())
            column = " · ".join([*spell_variant(evaluation.variant), protocol.heading])
            self.cells.setdefault(name, {})[column] = protocol.format(result.value)
            self._keep(result, device)

    def _keep(self, result: Result, device: torch.device) -> None:
        self.seconds[result.method] = result.seconds
        self.lines.append({**result.line(), "device": device_name(device)})

    def show(self, title: str, mine: list[str]) -> None:
        columns = list(dict.fromkeys(column for cells in self.cells.values() for column in cells))
        table = Table(Column("method", overflow="fold"), *columns, "seconds an image", title=title)
        for name in sorted(self.cells, key=lambda name: name in mine):
            numbers = [self.cells[name].get(column, "") for column in columns]
            table.add_row(name, *numbers, f"{self.seconds[name]:.3f}", style="bold" if name in mine else None)
        Console().print(table)
