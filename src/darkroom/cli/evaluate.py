"""`darkroom evaluate`."""

from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console
from rich.table import Column, Table

from darkroom.cli.device import Accelerator, chosen
from darkroom.cli.parse import parse
from darkroom.cli.progress import counted
from darkroom.core.files import write_json_lines
from darkroom.data.photographs import judging
from darkroom.engine.evaluate import Predict, answers, of_baseline, summarise
from darkroom.engine.run import Judge
from darkroom.engine.train import device_name
from darkroom.methods.regression import Regression, half_squared_error
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.recipes import lookup
from darkroom.solvers import classical


def command(arguments: list[str]) -> None:
    """Judge weights on pictures."""

    def judge(
        weights: Annotated[Path, tyro.conf.Positional],
        data: str = "bsd68",
        sigma: Annotated[tuple[float, ...], tyro.conf.arg(metavar="S [S ...]")] = (15.0, 25.0, 50.0),
        quantised: bool = False,
        baselines: bool = False,
        accelerator: Accelerator = "auto",
        output: Path | None = None,
    ) -> None:
        """Judge weights as denoisers: Gaussian noise, PSNR and SSIM by the published tables' protocol.

        Example: darkroom evaluate dncnn_25.pth --data bsd68 --sigma 25

        Args:
            weights: A run's folder, a weights file of Darkroom's, or somebody else's DnCNN (.pth).
            data: Pictures: embedded, bsd68, set12 and the like, or a folder.
            sigma: Noise levels on the 0-255 scale.
            quantised: Clip the noisy picture and round it to 8 bits.
            baselines: Judge the classical denoisers too.
            accelerator: What to compute on.
            output: Also write the numbers, one JSON object a line.
        """
        network = lookup.network(weights).eval()
        device = chosen(accelerator)
        method = Regression(network, half_squared_error).to(device)
        pictures = judging(data, grey=network.channels == 1)
        len(pictures)
        table = Table(
            Column("method", no_wrap=True),
            *(f"sigma {level:g} · {m.name.upper()}" for level in sigma for m in (psnr, ssim)),
            "seconds a picture",
        )
        contenders = {weights.name: None, **(classical.available() if baselines else {"noisy input": classical.unchanged})}
        lines = []
        for name, baseline in contenders.items():
            cells, seconds = [], 0.0
            for level in sigma:
                told = bool(network.nonblind) and baseline is None
                judge_ = Judge(pictures, NoisyPair(Gaussian(level, quantised), told), (psnr, ssim), {"sigma": level})
                predict: Predict = method.predict if baseline is None else of_baseline(baseline, level)
                asked = answers(predict, judge_, device)
                answered = list(counted(f"{name}, sigma {level:g}", asked, len(pictures)))
                for result in summarise(name, judge_, answered):
                    cells.append(f"{result.value:.{2 if result.metric == 'psnr' else 4}f}")
                    seconds = result.seconds
                    lines.append({**result.line(), "device": device_name(device if baseline is None else torch.device("cpu"))})
            table.add_row(name, *cells, f"{seconds:.3f}")
        table.title = f"{pictures.name}, {len(pictures)} pictures, {'grey' if network.channels == 1 else 'colour'}, on {device_name(device)}"
        Console().print(table)
        print(psnr.definition)
        print(
            "Noise "
            + ("clipped and rounded to 8 bits" if quantised else "neither clipped nor rounded")
            + "; same seed for every picture."
        )
        if output:
            write_json_lines(output, lines)

    parse(judge, arguments, "evaluate")
