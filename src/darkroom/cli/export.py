"""`darkroom export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from darkroom.cli.parse import parse
from darkroom.core.errors import DarkroomError
from darkroom.recipes.paths import weights_path


@dataclass
class Export:
    """Write a network that restores images to an ONNX file or an exported program of PyTorch, checked against PyTorch.

    The file takes images of any size whose sides are multiples of the network's grid, and restores them in PyTorch's result up to
    rounding; the differences on photographs are printed. `darkroom apply` and `evaluate` take an ONNX file as --weights.

    Example: darkroom export runs/dncnn/laptop_photo -o denoiser.onnx

    Example: darkroom export their_model.pth -o small.onnx --precision int8
    """

    weights: Annotated[str, tyro.conf.Positional]
    """A run's folder, RECIPE/ROW for one below runs/, a weights file, or another program's checkpoint (.pth)."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """The file: .onnx, or .pt2 for torch.export."""
    precision: Literal["32", "16", "int8"] = "32"
    """16 halves an ONNX file; int8 quantises the convolutions but the outermost, which is fastest on most CPUs. What is lost is printed."""
    recipe: str | None = None
    """The recipe's file, for weights of a recipe of your own."""


def command(arguments: list[str]) -> None:
    """Write a network to an ONNX file."""
    given = parse(Export, arguments, "export")
    path = weights_path(given.weights)
    if path.resolve() == given.output.resolve():
        raise DarkroomError(f"{given.output} would be overwritten by its own export: choose another output")
    from darkroom.engine.export import export
    from darkroom.recipes import trained

    found = export(trained.network(path, given.recipe), given.output, given.precision)
    print(
        f"{given.output}: {found.megabytes:.2f} MB; largest difference from PyTorch {found.difference:.1e} (images in [0, 1]); "
        f"PSNR {found.psnr_exported:.3f} dB, PyTorch {found.psnr:.3f} dB"
    )
