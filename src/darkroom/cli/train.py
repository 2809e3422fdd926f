"""`darkroom train`."""

import dataclasses
import datetime
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
from darkroom.cli.processes import is_first
from darkroom.cli.progress import Silence, TrainingProgress
from darkroom.core.errors import DarkroomError, Diverged
from darkroom.core.versions import versions
from darkroom.engine import sharding
from darkroom.engine.fit import parameters
from darkroom.engine.folder import RunFolder
from darkroom.engine.restore import has_fast_bf16
from darkroom.engine.run import Run
from darkroom.engine.train import LoopOptions, device_name, prepared, train
from darkroom.recipes import lookup
from darkroom.report.collect import rows_below
from darkroom.report.table import columns_of, lines_of, protocols_of


@dataclass
class RunOptions:
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
    """How several devices work together: ddp (which auto takes) gives each a copy of the networks and a part of every
    batch; fsdp gives each a part of the networks too, which saves memory and costs exchange."""
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
        print(f"{(recipe.__doc__ or '').strip()}\n\nrows: {', '.join([*recipe.ROWS, 'all'])} (all: every row but the laptop's)")
        if not {"-h", "--help"} & set(arguments):
            raise DarkroomError(f"which row of {words[0]}? There are {', '.join(recipe.ROWS)}, and all")
        return
    if words[1] == "all":
        _every_row([row for row in recipe.ROWS if not row.startswith("laptop")], words[0], arguments[2:])
    else:
        _one_row(words[0], words[1], arguments[2:])


def _every_row(rows: list[str], recipe: str, arguments: list[str]) -> None:
    """Train one row after another; one that diverges is a study's finding, and keeps no other waiting."""
    diverged = []
    for row in rows:
        try:
            _one_row(recipe, row, arguments)
        except Diverged as error:
            diverged.append(row)
            print(f"darkroom: {row}: {error}", file=sys.stderr)
    if diverged:
        raise Diverged(f"of {len(rows)} rows {', '.join(diverged)} diverged; the reasons stand above")


def _one_row(recipe: str, row: str, arguments: list[str]) -> None:
    found = lookup.find(recipe)
    settings = with_defaults(found.recipe, lookup.row(recipe, row), "Settings")
    both = dataclasses.make_dataclass("Train", [("settings", settings), ("where", RunOptions)])
    given = parse(both, arguments, f"train {recipe} {row}", description=found.__doc__)
    folder = run(recipe, row, dataclasses.asdict(given.settings), given.where)
    if is_first():
        _show_results(folder)


def run(recipe: str, row: str, settings: dict[str, Any], where: RunOptions) -> RunFolder:
    """Train one row (or go on), in OUT/RECIPE/ROW."""
    built, left_out = prepared(lookup.build(recipe, settings))  # what is missing is to be known before training, not after
    fabric, precision = _fabric(where)
    folder = RunFolder(where.out / recipe / (row if settings.get("seed", 0) == 0 else f"{row}-seed{settings['seed']}"))
    config = {"recipe": recipe, "row": row, "settings": settings}
    if fabric.is_global_zero and is_first():  # before the launch, every process takes itself for the global first
        folder.begin({**config, **_description(recipe, row, settings, built, where, fabric, precision)}, fresh=where.fresh)
    fabric.launch()
    fabric.barrier()  # nobody looks into the folder before it has been claimed
    on_cuda = fabric.device.type == "cuda"
    options = LoopOptions(
        workers=where.workers if where.workers is not None else 2 if on_cuda else 0, save_every=where.save_every
    )
    with TrainingProgress(built, f"{recipe} {row}") if fabric.is_global_zero else Silence() as listener:
        for line in left_out:
            listener.say(line)
        train(built, folder, fabric, config, options, listener)
    return folder


def _fabric(where: RunOptions) -> tuple[Fabric, str]:
    """Device, precision and processes; and the precision's name."""
    if where.devices < 1:
        raise DarkroomError(f"--devices {where.devices}: at least one is needed")
    device = chosen(where.accelerator)
    if device.type == "cuda" and where.devices > torch.cuda.device_count():
        raise DarkroomError(f"--devices {where.devices}: this machine has {torch.cuda.device_count()} CUDA device(s)")
    if where.devices > 1 and device.type == "cpu":
        torch.set_num_threads(max(1, torch.get_num_threads() // where.devices))
    bf16 = where.precision == "bf16" or (where.precision == "auto" and has_fast_bf16(device))
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed" if bf16 else "32-true"
    if where.strategy == "fsdp" and where.devices < 2:
        raise DarkroomError("--strategy fsdp shares networks out among several devices; give --devices 2 or more")
    several = sharding.strategy(where.devices) if where.strategy == "fsdp" else "ddp"
    strategy = several if where.devices > 1 else where.strategy
    return Fabric(accelerator=device.type, devices=where.devices, strategy=strategy, precision=precision), precision


def _description(
    recipe: str, row: str, settings: dict[str, Any], built: Run, where: RunOptions, fabric: Fabric, precision: str
) -> dict[str, Any]:
    """What `run.json` says beyond recipe, row and settings."""
    usual = lookup.row(recipe, row)
    return {
        "changed": {key: value for key, value in settings.items() if usual[key] != value},
        "command": " ".join(["darkroom", *sys.argv[1:]]),
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "device": device_name(fabric.device),
        "devices": where.devices,
        "precision": precision,
        "parameters": {name: parameters(network) for name, network in built.method.networks().items()},
        "training": built.stream.describe(),
        "evaluated": [
            {
                "set": evaluation.images.name,
                "images": len(evaluation.images),
                "degradation": str(evaluation.degrade),
                "variant": dict(evaluation.variant),
                "metrics": {metric.name: metric.described() for metric in evaluation.metrics},
            }
            for evaluation in built.evaluations
        ],
        "versions": versions(),
    }


def _show_results(folder: RunFolder) -> None:
    """One small table for every set and every way of degrading it: methods down, metrics across."""
    rows = [dataclasses.replace(row, shared=row.changed) for row in rows_below([folder.path])]  # the command says it
    protocols, columns, console = protocols_of(rows), columns_of(rows), Console()
    for what in dict.fromkeys((dataset, variant) for dataset, _, variant in columns):
        mine = [column for column in columns if (column[0], column[2]) == what]
        headings = [protocols[column[1]].heading for column in mine]
        table = Table("method", *headings, title=" · ".join([what[0], *spell_variant(dict(what[1]))]))
        for line in lines_of(rows, mine):
            table.add_row(line.name, *line.numbers, style={"ours": "bold", "published": "italic"}.get(line.kind))
        console.print(table)
    print(f"{folder.path}\nreport with images and curves: darkroom report {folder.path}")
