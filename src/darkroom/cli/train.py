"""`darkroom train`."""

import dataclasses
import datetime
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.table import Table

from darkroom.cli.device import Accelerator, chosen
from darkroom.cli.parse import parse, with_defaults
from darkroom.cli.progress import Silence, TrainingProgress
from darkroom.core.errors import DarkroomError
from darkroom.core.versions import versions
from darkroom.engine.fit import parameters
from darkroom.engine.folder import RunFolder
from darkroom.engine.restore import has_fast_bf16
from darkroom.engine.train import Habits, device_name, train
from darkroom.recipes import lookup


@dataclass
class Where:
    """Where and how training runs; none of it belongs to the recipe."""

    out: Path = Path("runs")
    """Folder that holds the runs; this one goes to OUT/RECIPE/ROW."""
    fresh: bool = False
    """Start over, throwing away what the folder holds."""
    accelerator: Accelerator = "auto"
    """What to compute on."""
    devices: int = 1
    """Number of processes, one a device."""
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    """How several devices work together."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """bf16 keeps weights in float32 and multiplies in bfloat16; auto takes it where the hardware has it."""
    workers: int | None = None
    """Processes that prepare batches; by default two with a GPU, none without."""
    save_every: float = 60.0
    """Seconds between checkpoints."""


def command(arguments: list[str]) -> None:
    """Train a row of a recipe, or go on with it."""
    words = [word for word in arguments[:2] if not word.startswith("-")]
    if not words:
        choices = "\n".join(f"  darkroom train {name} {{{', '.join(lookup.find(name).ROWS)}, all}}" for name in lookup.names())
        print(f"usage: darkroom train RECIPE ROW [options]\n\n{choices}\n\nExample: darkroom train dncnn laptop")
        print("The same command goes on after an interruption. Options of a row: darkroom train RECIPE ROW --help")
        if not {"-h", "--help"} & set(arguments):
            raise DarkroomError("which recipe? For example: darkroom train dncnn laptop")
        return
    recipe = lookup.find(words[0])
    if len(words) < 2:
        print(f"{(recipe.__doc__ or '').strip()}\n\nrows: {', '.join([*recipe.ROWS, 'all'])}")
        if not {"-h", "--help"} & set(arguments):
            raise DarkroomError(f"which row of {words[0]}? There are {', '.join(recipe.ROWS)}, and all")
        return
    for row in list(recipe.ROWS) if words[1] == "all" else [words[1]]:
        defaults = lookup.row(words[0], row)
        settings = with_defaults(recipe.recipe, defaults, "Settings")
        both = dataclasses.make_dataclass("Train", [("settings", settings), ("where", Where)])
        given = parse(both, arguments[2:], f"train {words[0]} {words[1]}", description=recipe.__doc__)
        folder = run(words[0], row, dataclasses.asdict(given.settings), given.where)
        _show_results(folder)


def run(recipe: str, row: str, settings: dict[str, Any], where: Where) -> RunFolder:
    """Train one row (or go on), in OUT/RECIPE/ROW."""
    built = lookup.build(recipe, settings)
    if where.devices < 1:
        raise DarkroomError(f"--devices {where.devices}: at least one is needed")
    device = chosen(where.accelerator)
    on_cuda = device.type == "cuda"
    if on_cuda and where.devices > torch.cuda.device_count():
        raise DarkroomError(f"--devices {where.devices}: this machine has {torch.cuda.device_count()} CUDA device(s)")
    bf16 = where.precision == "bf16" or (where.precision == "auto" and has_fast_bf16(device))
    built.stream.open()
    folder = RunFolder(where.out / recipe / (row if settings.get("seed", 0) == 0 else f"{row}-seed{settings['seed']}"))
    first_process = "LOCAL_RANK" not in os.environ
    config = {"recipe": recipe, "row": row, "settings": settings}
    if first_process:
        for judge in built.judges:
            len(judge.pictures)
        description = {
            **config,
            "changed": {key: value for key, value in settings.items() if lookup.row(recipe, row)[key] != value},
            "command": " ".join(["darkroom", *sys.argv[1:]]),
            "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "device": device_name(device),
            "devices": where.devices,
            "precision": "bf16-mixed" if bf16 else "32",
            "parameters": {name: parameters(player) for name, player in built.method.players().items()},
            "training": built.stream.describe(),
            "judged": [
                {
                    "set": judge.pictures.name,
                    "pictures": len(judge.pictures),
                    "degradation": str(judge.degrade),
                    "metrics": {metric.name: metric.definition for metric in judge.metrics},
                }
                for judge in built.judges
            ],
            "versions": versions(),
        }
        folder.begin(description, fresh=where.fresh)
    if where.devices > 1 and not on_cuda:
        torch.set_num_threads(max(1, torch.get_num_threads() // where.devices))
    fabric = Fabric(
        accelerator="cuda" if on_cuda else "cpu",
        devices=where.devices,
        strategy="ddp" if where.strategy == "auto" and where.devices > 1 else where.strategy,
        precision="bf16-mixed" if bf16 else "32-true",
    )
    fabric.launch()
    workers = where.workers if where.workers is not None else 2 if on_cuda else 0
    habits = Habits(workers=workers, save_every=where.save_every)
    with TrainingProgress(built, f"{recipe} {row}") if fabric.is_global_zero else Silence() as listener:
        train(built, folder, fabric, config, habits, listener)
    return folder


def _show_results(folder: RunFolder) -> None:
    results = folder.read_results()
    titles: dict[str, None] = {}
    cells: dict[str, dict[str, str]] = {}
    for line in results:
        title = f"{line['metric'].upper()} · {line['dataset']}" + (f" · sigma {line['sigma']:g}" if "sigma" in line else "")
        titles[title] = None
        cells.setdefault(line["method"], {})[title] = f"{line['value']:.{2 if line['metric'] == 'psnr' else 4}f}"
    table = Table("method", *titles, title=str(folder.path), title_justify="left")
    for method in sorted(cells, key=lambda method: method == "ours"):
        table.add_row(method, *(cells[method].get(title, "") for title in titles), style="bold" if method == "ours" else None)
    Console().print(table)
    print(f"report with pictures and curves: darkroom report {folder.path}")
