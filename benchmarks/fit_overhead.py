"""A training step of `fit`, with its journal, against a plain loop over the same batches with the same network and optimizer."""

import copy
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from benchmarks.side_by_side import alternate, show
from darkroom.data.streams import batches
from darkroom.engine.fit import Record, Training, fit
from darkroom.engine.folder import RunFolder
from darkroom.engine.journal import Journal
from darkroom.engine.run import Run
from darkroom.engine.train import LoopOptions
from darkroom.recipes import lookup

STEPS = 60


def main() -> None:
    settings = {**lookup.row("dncnn", "laptop"), "steps": 100_000, "schedule": "constant"}
    run = lookup.build("dncnn", settings)
    run.stream.open()
    plain = plain_loop(run, settings["lr"], settings["clip"])
    training = Training(run, Fabric(accelerator="cpu", devices=1))
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(RunFolder(Path(folder)), 0)
        loops = {"plain loop": _steps(plain), "fit, with journal": _steps(logged(training, journal))}
        seconds = {name: value / STEPS for name, value in alternate(loops, rounds=5).items()}
        journal.close()
    show(f"one training step of dncnn laptop, float32, {torch.get_num_threads()} threads", seconds, against="plain loop")


def plain_loop(run: Run, lr: float, clip: float) -> Iterator[Tensor]:
    """Half the squared error, Adam, and gradient clipping, on the run's batches; its loss is read in every step."""
    assert run.network is not None
    network = copy.deepcopy(run.network).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    for batch in batches(run.stream, 0, run.steps):
        noisy, clean = (x.contiguous(memory_format=torch.channels_last) for x in (batch.input, batch.target))
        loss = (network(noisy) - clean).square().sum() / (2 * len(clean))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
        loss.item()
        yield loss.detach()


def logged(training: Training, journal: Journal) -> Iterator[Record]:
    """`fit`, its losses written at the usual interval."""
    for record in fit(training):
        if record.step % LoopOptions().log_every == 0:
            journal.losses(record.step, training.losses.means(), record.lrs)
        yield record


def _steps(loop: Iterator[object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(STEPS):
            next(loop)

    return run


if __name__ == "__main__":
    main()
