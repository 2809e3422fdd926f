"""Options of the workflows that are not part of a recipe."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from darkroom.recipes.ranges import AT_LEAST_0, PROCESSES, THREADS, Range, check_fields

Accelerator = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "32", "bf16", "int8"]
TrainingPrecision = Literal["auto", "32", "bf16"]
Strategy = Literal["auto", "ddp", "fsdp"]


@dataclass(frozen=True)
class RunOptions:
    """Where and how training runs; nothing here is a hyper-parameter.

    Args:
        out: Folder that holds the runs; this one goes to OUT/RECIPE/ROW.
        fresh: Start over; an earlier run in the same folder is removed.
        accelerator: Device to train on; auto takes CUDA where there is a CUDA device.
        devices: Number of processes, one for each device.
        strategy: Parallelism over several devices: ddp (which auto takes) replicates the networks and splits every batch; fsdp
            shards the networks too, which saves memory and costs communication.
        precision: bf16 is mixed precision: weights in float32, products in bfloat16. auto takes it where it is
            clearly faster (on a CPU that is measured), and keeps the precision of a run that is resumed.
        workers: Processes that prepare batches; by default two with a GPU, none without.
        save_every: Seconds between checkpoints.
        threads: CPU threads of each process. By default as many as are free, looked at again at checkpoints; weights depend on
            the number in their last bits, so a fixed number makes them reproducible.

    Raises:
        DarkroomError: a number is outside its range.
    """

    out: Path = Path("runs")
    fresh: bool = False
    accelerator: Accelerator = "auto"
    devices: Annotated[int, Range(1, PROCESSES)] = 1
    strategy: Strategy = "auto"
    precision: TrainingPrecision = "auto"
    workers: Annotated[int | None, Range(0, PROCESSES)] = None
    save_every: Annotated[float, AT_LEAST_0] = 60.0
    threads: Annotated[int | None, THREADS] = None

    def __post_init__(self) -> None:
        check_fields(self)
