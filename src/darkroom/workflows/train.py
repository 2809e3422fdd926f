"""Train a row of a recipe."""

import logging
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric

from darkroom.core.errors import DarkroomError
from darkroom.core.record import RunRecord
from darkroom.core.threads import Threads
from darkroom.engine import sharding
from darkroom.engine.describe import describe
from darkroom.engine.devices import choose_device
from darkroom.engine.folder import RunFolder
from darkroom.engine.precision import has_fast_bf16
from darkroom.engine.prepare import open_data, prepare
from darkroom.engine.run import Run
from darkroom.engine.train import Listener, LoopOptions, Silence
from darkroom.engine.train import train as train_in_folder
from darkroom.recipes import lookup
from darkroom.workflows.options import RunOptions
from darkroom.workflows.processes import is_first


def train(
    recipe: str | Path,
    row: str = "laptop",
    *,
    options: RunOptions | None = None,
    listener: Listener | None = None,
    **settings: Any,
) -> RunFolder:
    """Train a row of a recipe, or resume training it, and evaluate the final weights.

    The run is kept in `options.out/<recipe>/<row>`, with `-seedN` appended for a seed other than 0. The same call resumes an
    interrupted run.

    Args:
        recipe: the name of a recipe, or the path of a file of your own, for example "my_recipe.py".
        row: one of the recipe's rows.
        options: where and how it runs.
        listener: receives progress, validation scores and messages.
        settings: settings of the recipe that differ from the row's, by their names, for example `steps=100`.

    Returns:
        The run's folder; for example `weights()` and `read_results()`.

    Raises:
        DarkroomError: no such recipe, row or setting; data is missing; or the folder holds a run with other settings.
        Interrupted: stopped by Ctrl-C; everything is saved.
        Diverged: a loss was not finite.

    Example:
        >>> folder = train("dncnn", "laptop", steps=100)  # doctest: +SKIP
        >>> {result.metric: result.value for result in folder.read_results() if result.method == "ours"}  # doctest: +SKIP
        {'psnr': 27.4, 'ssim': 0.77}
    """
    name, options = str(recipe), options or RunOptions()
    given = settings_of(name, row, settings)
    folder = RunFolder(options.out / lookup.name_of(name) / folder_name(row, given))
    fabric, precision = _fabric(options, None if options.fresh else folder.precision())
    threads = Threads(options.threads, processes=options.devices if fabric.device.type == "cpu" else 1)
    threads.watch()
    run, messages = open_data(lookup.build(name, given))
    with _claimed(folder, given, precision, fresh=options.fresh):
        _launch(fabric, threads)
        command, description = command_line(name, row, given, options), lookup.describe(name, row, given, run)
        record = partial(describe, command=command, precision=precision, threads=threads.number)
        _begin(run, folder, fabric, options.out, lambda: record(run, description, fabric))
        listener = listener if listener is not None and fabric.is_global_zero else Silence()
        for line in messages:
            listener.say(line)
        header = lookup.header(name, row, given, run)
        train_in_folder(run, folder, fabric, header, _loop_options(options, fabric, threads), listener)
    return folder


def settings_of(recipe: str, row: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a row with some of them changed.

    Raises:
        DarkroomError: no such recipe, row or setting.

    Example:
        >>> settings_of("dncnn", "s25", {"steps": 100})["steps"]
        100
    """
    usual = lookup.row(recipe, row)
    if unknown := set(changes) - set(usual):
        raise DarkroomError(
            f"recipe {lookup.name_of(recipe)} has no setting {', '.join(sorted(unknown))}; it has {', '.join(usual)}"
        )
    return {**usual, **changes}


def folder_name(row: str, settings: Mapping[str, Any]) -> str:
    """The name of a run's folder: the row, and the seed where it is not 0.

    Example:
        >>> folder_name("laptop", {"seed": 0}), folder_name("laptop", {"seed": 3})
        ('laptop', 'laptop-seed3')
    """
    seed = settings.get("seed", 0)
    return row if seed == 0 else f"{row}-seed{seed}"


def command_line(recipe: str, row: str, settings: Mapping[str, Any], options: RunOptions) -> str:
    """The command that trains a row with these settings; where it runs is left out.

    Example:
        >>> command_line("dncnn", "s25", settings_of("dncnn", "s25", {"steps": 9, "test_sigmas": (15.0, 50.0)}), RunOptions())
        'darkroom train dncnn s25 --test-sigmas 15.0 50.0 --steps 9'
    """
    usual = lookup.row(recipe, row)
    words = ["darkroom", "train", recipe, row]
    for key, value in settings.items():
        if value != usual[key]:
            words += _flag(key, value)
    for key in ("devices", "strategy", "precision", "threads"):
        if (value := getattr(options, key)) != getattr(RunOptions(), key):
            words += _flag(key, value)
    return shlex.join(words)


def _flag(key: str, value: Any) -> list[str]:
    name = key.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", *(map(str, value) if isinstance(value, tuple | list) else [str(value)])]


def _fabric(options: RunOptions, recorded: str | None) -> tuple[Fabric, str]:
    """Device, precision and processes; and the precision's name.

    A precision that is not given is that of the record of a run that is resumed. Processes on a CPU, which would measure each for
    itself, take float32.
    """
    device, devices = choose_device(options.accelerator), options.devices
    if devices < 1:
        raise DarkroomError(f"--devices {devices}: at least one is needed")
    if device.type == "cuda" and devices > torch.cuda.device_count():
        raise DarkroomError(f"--devices {devices}: this machine has {torch.cuda.device_count()} CUDA device(s)")
    if options.strategy == "fsdp" and devices < 2:
        raise DarkroomError("--strategy fsdp shards networks over several devices; give --devices 2 or more")
    if options.precision == "auto" and recorded is not None:
        bf16 = recorded == "bf16-mixed"
    elif options.precision == "auto":
        bf16 = has_fast_bf16(device) and (device.type == "cuda" or devices == 1)
    else:
        bf16 = options.precision == "bf16"
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed" if bf16 else "32-true"
    several = sharding.strategy(devices) if options.strategy == "fsdp" else "ddp"
    strategy = several if devices > 1 else options.strategy
    with _without_notices():
        return Fabric(accelerator=device.type, devices=devices, strategy=strategy, precision=precision), precision


@contextmanager
def _without_notices() -> Iterator[None]:
    """Fabric logs warnings only: a library function prints nothing."""
    logger = logging.getLogger("lightning_fabric")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _claimed(folder: RunFolder, settings: dict[str, Any], precision: str, *, fresh: bool) -> Iterator[None]:
    """Hold the folder's lock, in the first process of a machine."""
    if is_first():
        folder.claim(settings, precision, fresh=fresh)
    try:
        yield
    finally:
        folder.unlock()


def _launch(fabric: Fabric, threads: Threads) -> None:
    """Start the other processes, and use the same number of threads in all of them. A collective operation."""
    with _without_notices():
        fabric.launch()
    # Fabric may set OMP_NUM_THREADS for the other processes, which would then take the number as fixed.
    number, threads.fixed = fabric.broadcast((threads.choose(), threads.fixed))
    threads.use(number)


def _begin(run: Run, folder: RunFolder, fabric: Fabric, runs: Path, record: Callable[[], RunRecord]) -> None:
    """What a fresh start does before the first step. A collective operation."""
    if not folder.last.exists():
        prepare(run, runs)
    if fabric.is_global_zero and not folder.description.exists():
        folder.write(record())
    fabric.barrier()


def _loop_options(options: RunOptions, fabric: Fabric, threads: Threads) -> LoopOptions:
    """Options of the loop; on a GPU the number of CPU threads stays as it is."""
    on_cpu = fabric.device.type == "cpu"
    workers = options.workers if options.workers is not None else 0 if on_cpu else 2
    return LoopOptions(workers=workers, save_every=options.save_every, threads=threads if on_cpu else None)
