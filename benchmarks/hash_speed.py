"""The hash-encoded field against plain PyTorch: encoding, a training step, and a rendering of 100x100 pixels.

The plain encoding is the usual formulation: all levels at once, corners in 64-bit integers, eight advanced indexings, and gradients
by autograd. The plain step evaluates density and colour at every sample and updates every row by torch's Adam; both have the same
samples. The plain rendering has a sample at every step through the box.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.side_by_side import alternate, show
from darkroom.engine.devices import choose_device
from darkroom.engine.fit import Training, fit
from darkroom.layers.hash_encoding import PRIMES, HashEncoding, Level
from darkroom.methods.instant_ngp import HUBER, InstantNGP
from darkroom.radiance import tabletop
from darkroom.radiance.rays import RayBatch
from darkroom.radiance.rendering import render
from darkroom.radiance.sampling import Samples
from darkroom.recipes import lookup

POINTS, STEPS = 65_536, 150


def main() -> None:
    threads = f"{torch.get_num_threads()} threads"
    for levels, features, log2_rows in ((16, 2, 19), (8, 4, 19), (8, 2, 15)):
        _encoding(HashEncoding(levels, features, log2_rows), f"{levels} levels of 2^{log2_rows} x {features}, {threads}")
    for changes in (dict(levels=16, log2_rows=19, finest=2048, samples_per_step=POINTS), {}):
        method = _trained(STEPS if not changes else 10, **changes)
        _step(method, threads)
    _rendering(method, threads)


class PlainEncoding(nn.Module):
    """The same features, by the usual formulation."""

    def __init__(self, encoding: HashEncoding) -> None:
        super().__init__()
        self.rows, levels = nn.Parameter(encoding.rows.detach().clone()), encoding.levels
        self.scales, self.levels = torch.tensor([level.scale for level in levels]), levels
        self.firsts, self.sizes, self.resolutions = (
            torch.tensor([getattr(level, name) for level in levels]) for name in ("first", "rows", "resolution")
        )
        self.dense = torch.tensor([level.dense for level in levels])

    def _rows(self, corners: Tensor) -> Tensor:
        x, y, z = corners.unbind(-1)
        own = x + y * self.resolutions + z * self.resolutions**2
        hashed = x * PRIMES[0] ^ y * (PRIMES[1] + 2**32) ^ z * PRIMES[2]
        return self.rows[torch.where(self.dense, own, hashed) % self.sizes + self.firsts]

    def forward(self, points: Tensor) -> Tensor:
        """Features of points in the unit cube."""
        position = points.clamp(0, 1)[:, None] * self.scales[:, None] + 0.5
        low = position.floor()
        share, low = position - low, low.long()
        total = torch.zeros(())
        for corner in torch.cartesian_prod(*[torch.tensor([0, 1])] * 3):
            weight = torch.where(corner == 1, share, 1 - share).prod(-1, keepdim=True)
            total = total + weight * self._rows(low + corner)
        return total.flatten(1)


def _encoding(encoding: HashEncoding, title: str) -> None:
    encoding.initialise(torch.Generator().manual_seed(0))
    plain, points = PlainEncoding(encoding), torch.rand(POINTS, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        print(f"\nlargest difference of features: {(plain(points) - encoding(points)).abs().max():.1e}")
        ways = {"autograd": partial(plain, points), "complex gathers": partial(encoding, points)}
        show(f"{POINTS:,} points, {title}", alternate(ways), against="autograd")

    def both(module: nn.Module) -> None:
        module.zero_grad()
        module(points).sum().backward()

    ways = {"autograd": partial(both, plain), "complex gathers, scatter": partial(both, encoding)}
    show("the same and its gradient", alternate(ways), against="autograd")


def _trained(steps: int, **changes: object) -> InstantNGP:
    """The laptop row after some steps."""
    run = lookup.build("instant_ngp", {**lookup.row("instant_ngp", "laptop"), "steps": steps, **changes})
    run.stream.open()
    run.prepare()
    from lightning_fabric import Fabric

    for _ in fit(Training(run, Fabric(accelerator="cpu", devices=1))):
        pass
    return run.method


def _step(method: InstantNGP, threads: str) -> None:
    ...
