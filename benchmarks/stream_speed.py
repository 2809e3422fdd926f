"""The patch stream with two workers against the training step that consumes it, at the sizes of two DnCNN rows."""

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.side_by_side import show
from darkroom.core.randomness import generator
from darkroom.data.named_sets import training_images
from darkroom.data.streams import PatchStream, batches
from darkroom.engine.precision import has_fast_bf16
from darkroom.networks.dncnn import DnCNN
from darkroom.operators.noise import Gaussian, NoisyPair

WARM_UP = 5


def main() -> None:
    bf16 = has_fast_bf16(torch.device("cpu"))
    for row, grey, width, depth, patch_size, batch_size, steps in (
        ("laptop", False, 32, 9, 48, 4, 60),
        ("s25", True, 64, 17, 40, 128, 8),
    ):
        images = training_images("embedded", grey=grey)
        stream = PatchStream(images, NoisyPair(Gaussian(25.0)), patch_size=patch_size, batch_size=batch_size, seed=0)
        stream.open()
        network = DnCNN(1 if grey else 3, width, depth).initialise(generator(0, "weights"))
        times = {
            "training step, without its batch": _per_item(_training(network, stream, bf16), steps),
            "stream, two workers": _per_item(batches(stream, 0, steps + WARM_UP, workers=2), steps),
            "stream, in the training process": _per_item(batches(stream, 0, steps + WARM_UP), steps),
        }
        show(f"dncnn {row}: {batch_size} patches of {patch_size}", times, against="training step, without its batch")


def _training(network: DnCNN, stream: PatchStream, bf16: bool) -> Iterator[Tensor]:
    """Training steps on one and the same batch."""
    network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    batch = next(batches(stream, 0, 1))
    noisy, clean = (images.contiguous(memory_format=torch.channels_last) for images in (batch.input, batch.target))
    while True:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = (network(noisy) - clean).square().sum() / (2 * len(clean))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.detach()


def _per_item(source: Iterator[object], count: int) -> float:
    """Mean seconds of an item, after some to warm up."""
    for _ in range(WARM_UP):
        next(source)
    begun = time.perf_counter()
    for _ in range(count):
        next(source)
    return (time.perf_counter() - begun) / count


if __name__ == "__main__":
    main()
