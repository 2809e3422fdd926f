"""`fit` with everything that listens to it, against a bare loop over the same batches of the same network."""

import copy
import tempfile
import time
from pathlib import Path

import torch
from lightning_fabric import Fabric

from benchmarks.side_by_side import show
from darkroom.data.streams import batches
from darkroom.engine.fit import Training, fit
from darkroom.engine.folder import RunFolder
from darkroom.engine.journal import Journal
from darkroom.recipes import lookup

STEPS = 60


def main() -> None:
    settings = {**lookup.row("dncnn", "laptop"), "steps": 100_000}
    run = lookup.build("dncnn", settings)
    run.stream.open()
    plain = copy.deepcopy(run.restorer).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)

    def bare(start: int) -> None:
        for batch in batches(run.stream, start, start + STEPS):
            source, target = (x.contiguous(memory_format=torch.channels_last) for x in (batch.input, batch.target))
            loss = (plain(source) - target).square().sum() / (2 * len(target))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()

    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(RunFolder(Path(folder)), 0, every=20)
        records = fit(Training(run, Fabric(accelerator="cpu", devices=1)))

        def ours() -> None:
            for _ in range(STEPS):
                journal.record(next(records))

        times: dict[str, list[float]] = {"bare loop": [], "fit, with journal": []}
        for number in range(6):
            for name, way in (("bare loop", lambda n=number: bare(n * STEPS)), ("fit, with journal", ours)):
                begun = time.perf_counter()
                way()
                if number:
                    times[name].append((time.perf_counter() - begun) / STEPS)
        journal.close()
    seconds = {name: sorted(values)[len(values) // 2] for name, values in times.items()}
    show(f"one training step of dncnn laptop, float32, {torch.get_num_threads()} threads", seconds, against="bare loop")


if __name__ == "__main__":
    main()
