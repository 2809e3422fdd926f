"""The patch stream with two workers against the training step it feeds."""

import time

import torch
from lightning_fabric import Fabric

from benchmarks.side_by_side import show
from darkroom.data.streams import batches
from darkroom.engine.fit import Training, fit
from darkroom.engine.restore import has_fast_bf16
from darkroom.recipes import lookup


def main() -> None:
    bf16 = has_fast_bf16(torch.device("cpu"))
    for row, steps in (("laptop", 60), ("s25", 8)):
        settings = lookup.row("dncnn", row)
        run = lookup.build("dncnn", {**settings, "photos": "embedded", "test_set": "embedded"})
        run.stream.open()
        source = batches(run.stream, 0, steps + 5, workers=2)
        for _ in range(5):
            next(source)
        begun = time.perf_counter()
        count = sum(1 for _ in source)
        stream = (time.perf_counter() - begun) / count
        records = fit(Training(run, Fabric(accelerator="cpu", devices=1, precision="bf16-mixed" if bf16 else "32-true")))
        next(records)
        begun = time.perf_counter()
        for _ in range(steps):
            next(records)
        step = (time.perf_counter() - begun) / steps
        show(
            f"dncnn {row}: {run.stream.batch} patches of {settings['patch']}",
            {"step, batch made in line": step, "stream, two workers": stream},
            against="step, batch made in line",
        )


if __name__ == "__main__":
    main()
