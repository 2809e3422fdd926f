"""`darkroom train`."""

import datetime
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric

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
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
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


def run(recipe: str, row: str, settings: dict[str, Any], where: Where) -> RunFolder:
    """Train one row (or go on), in OUT/RECIPE/ROW."""
    built = lookup.build(recipe, settings)
    if where.devices < 1:
        raise DarkroomError(f"--devices {where.devices}: at least one is needed")
    if where.accelerator == "cuda" and not torch.cuda.is_available():
        raise DarkroomError("--accelerator cuda: no CUDA device is available here; use --accelerator cpu")
    on_cuda = where.accelerator != "cpu" and torch.cuda.is_available()
    if on_cuda and where.devices > torch.cuda.device_count():
        raise DarkroomError(f"--devices {where.devices}: this machine has {torch.cuda.device_count()} CUDA device(s)")
    device = torch.device("cuda" if on_cuda else "cpu")
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
