"""The hash-encoded field against plain PyTorch: encoding, a training step, and a rendering of 100x100 pixels.

The plain encoding is the usual formulation: all levels at once, corners in 64-bit integers, eight advanced indexings, and gradients
by autograd. The plain step evaluates density and colour at every sample and updates every row by torch's Adam; both have the same
samples. The plain rendering has a sample at every step through the box.
"""

import copy
from functools import partial

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from benchmarks.side_by_side import alternate, show
from darkroom.engine.fit import Training, fit
from darkroom.layers.hash_encoding import PRIMES, HashEncoding
from darkroom.methods.instant_ngp import HUBER, MIN_TRANSMITTANCE, InstantNGP
from darkroom.methods.radiance import MIN_WEIGHT
from darkroom.radiance import tabletop
from darkroom.radiance.masked_adam import MaskedAdam
from darkroom.radiance.occupancy import OccupancyGrid
from darkroom.radiance.rendering import render
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
    for _ in fit(Training(run, Fabric(accelerator="cpu", devices=1))):
        pass
    return run.method  # type: ignore[return-value]


def _step(method: InstantNGP, threads: str) -> None:
    """A training step with the same rays and samples."""
    rays = tabletop.cameras(3, 100)[1].rays()
    rays = rays.subset(
        torch.randperm(len(rays.origins), generator=torch.Generator().manual_seed(0))[: method.budget.count(4096)]
    )
    target = tabletop.trace(rays.origins, rays.directions)[0]
    samples = method.samples(rays)
    plain = copy.deepcopy(method.tables)
    encoding = PlainEncoding(plain.encoding)
    plain.encoding = encoding
    ways = {
        "autograd, every sample, Adam": (plain, torch.optim.Adam(plain.parameters(), lr=1e-2, eps=1e-15), {}),
        "complex gathers, visible samples, masked Adam": (
            method.tables,
            MaskedAdam(method.tables.parameter_groups(1e-6), lr=1e-2),
            dict(min_weight=MIN_WEIGHT, min_transmittance=MIN_TRANSMITTANCE),
        ),
    }

    def step(field: nn.Module, optimizer: torch.optim.Optimizer, less: dict[str, float]) -> None:
        optimizer.zero_grad()
        nn.functional.huber_loss(render(field, rays, samples, **less).colour, target, delta=HUBER).backward()
        optimizer.step()

    seconds = alternate({name: partial(step, *way) for name, way in ways.items()}, rounds=3)
    rows = len(method.tables.encoding.rows)
    show(f"a step of {len(samples.t):,} samples, table of {rows:,} rows, {threads}", seconds, against=next(iter(ways)))


def _rendering(method: InstantNGP, threads: str) -> None:
    """A view, from every position along the rays, from the occupied ones, and from those that are visible."""
    rays = tabletop.cameras(3, 100)[1].rays()
    everywhere = OccupancyGrid(torch.zeros(3), torch.ones(3), (2, 2, 2))

    def view(occupancy: OccupancyGrid, **less: float) -> None:
        held, method.occupancy = method.occupancy, occupancy
        for begin in range(0, len(rays.origins), 1024):
            part = rays.subset(slice(begin, begin + 1024))
            render(method.tables, part, method.samples(part), **less)
        method.occupancy = held

    less = dict(min_weight=MIN_WEIGHT, min_transmittance=MIN_TRANSMITTANCE)
    ways = {
        "dense": partial(view, everywhere),
        "occupied cells": partial(view, method.occupancy),
        "occupied cells, to the surface": partial(view, method.occupancy, **less),
    }
    with torch.no_grad():
        show(f"a rendering of 100x100, {threads}", alternate(ways, rounds=3), against="dense")
