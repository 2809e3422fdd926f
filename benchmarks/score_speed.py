"""NCSN++: what its filters cost, and a training step and a sampler step against the same layers written plainly."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.side_by_side import alternate, show
from darkroom.core.randomness import generator
from darkroom.networks import score_blocks
from darkroom.networks.ncsnpp import NCSNpp

BATCH, WIDTH = 8, 64


def plain_down(x: Tensor) -> Tensor:
    """The filter at the full resolution, one channel at a time in the batch, and then every second pixel."""
    kernel = torch.outer(*[torch.tensor([1.0, 3, 3, 1]) / 8] * 2)[None, None]
    padded = nn.functional.pad(x, (1, 1, 1, 1)).flatten(0, 1)[:, None]
    filtered = nn.functional.conv2d(padded, kernel)
    return filtered[:, 0, ::2, ::2].unflatten(0, x.shape[:2])


def plain_up(x: Tensor) -> Tensor:
    """Zeros between the pixels, written out, and the filter, one channel at a time in the batch."""
    batch, channels, height, width = x.shape
    spread = x.new_zeros(batch, channels, height, 2, width, 2)
    spread[:, :, :, 0, :, 0] = x
    kernel = torch.outer(*[torch.tensor([1.0, 3, 3, 1]) / 4] * 2)[None, None]
    padded = nn.functional.pad(spread.reshape(batch, channels, 2 * height, 2 * width), (2, 1, 2, 1)).flatten(0, 1)[:, None]
    return nn.functional.conv2d(padded, kernel)[:, 0].unflatten(0, (batch, channels))


def training_step(network: NCSNpp) -> Callable[[], None]:
    """Forward and backward pass of a batch."""
    x, level = torch.randn(BATCH, 3, 32, 32), torch.linspace(-4, 3, BATCH)

    def step() -> None:
        network.zero_grad()
        network(x, level).square().mean().backward()

    return step


def sampler_step(network: NCSNpp) -> Callable[[], None]:
    """Forward pass of a batch."""
    x, level = torch.randn(BATCH, 3, 32, 32), torch.linspace(-4, 3, BATCH)

    def step() -> None:
        with torch.inference_mode():
            network(x, level)

    return step


def with_plain_filters(step: Callable[[], None]) -> Callable[[], None]:
    """The same step with the filters written plainly."""

    def run() -> None:
        kept = score_blocks.fir_down, score_blocks.fir_up
        score_blocks.fir_down, score_blocks.fir_up = plain_down, plain_up
        try:
            step()
        finally:
            score_blocks.fir_down, score_blocks.fir_up = kept

    return run


def main() -> None:
    torch.set_num_threads(1)
    filtered, unfiltered = (
        NCSNpp(width=WIDTH, blocks=2, fir=fir).initialise(generator(0)).to(memory_format=torch.channels_last)
        for fir in (True, False)
    )
    for kind, made in (("training step", training_step), ("sampler step", sampler_step)):
        candidates = {
            "without filters": made(unfiltered),
            "with filters (depthwise convolutions)": made(filtered),
            "with filters written plainly": with_plain_filters(made(filtered)),
        }
        title = f"NCSN++, width {WIDTH}, 2 blocks, batch {BATCH}, {kind}, one thread"
        show(title, alternate(candidates, rounds=3), against="without filters")
    parameters = sum(parameter.numel() for parameter in filtered.parameters())
    print(f"\n{parameters / 1e6:.1f} M parameters, {math.prod((BATCH, 32, 32))} pixels a batch")


if __name__ == "__main__":
    main()
