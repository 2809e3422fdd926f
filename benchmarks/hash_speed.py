"""The hash-encoded field against plain PyTorch: encoding, a training step, and a rendering of 100x100 pixels.

The plain encoding is the usual formulation: all levels at once, corners in 64-bit integers, eight advanced indexings, and gradients
by autograd. The plain step evaluates density and colour at every sample and updates every row by torch's Adam: once with a sample at
every step through the box, as one writes it first, and once with ours, in the occupied cells. All steps have the same rays, and
place their samples. The plain rendering has a sample at every step through the box. One thread is timed by its processor time.
"""

import copy
import time
from collections.abc import Callable
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
from darkroom.radiance.cameras import Rays
from darkroom.radiance.masked_adam import MaskedAdam
from darkroom.radiance.occupancy import OccupancyGrid
from darkroom.radiance.rendering import render
from darkroom.radiance.sampling import Samples
from darkroom.recipes import lookup

POINTS, STEPS, RAYS = 65_536, 300, 1024

LESS = dict(min_weight=MIN_WEIGHT, min_transmittance=MIN_TRANSMITTANCE)
"""Colours of visible samples only, and rays up to where they are opaque."""


def main() -> None:
    threads = f"{torch.get_num_threads()} thread(s)"
    for levels, features, log2_rows in ((16, 2, 19), (8, 2, 17)):
        _encoding(HashEncoding(levels, features, log2_rows), f"{levels} levels of 2^{log2_rows} x {features}, {threads}")
    _step(_trained(20, levels=16, log2_rows=19, finest=2048, batch_size=1024), threads)
    method = _trained(STEPS)
    _rendering(method, threads)
    _step(method, threads)


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
        show(f"{POINTS:,} points, {title}", _measured(ways), against="autograd")

    def both(module: nn.Module) -> None:
        module.zero_grad()
        module(points).sum().backward()

    ways = {"autograd": partial(both, plain), "complex gathers, scatter": partial(both, encoding)}
    show("the same and its gradient", _measured(ways), against="autograd")


def _trained(steps: int, **changes: object) -> InstantNGP:
    """The laptop row, with changes, after some steps."""
    run = lookup.build("instant_ngp", {**lookup.row("instant_ngp", "laptop"), "steps": steps, **changes})
    run.stream.open()
    run.prepare()
    for _ in fit(Training(run, Fabric(accelerator="cpu", devices=1))):
        pass
    return run.method  # type: ignore[return-value]


def _measured(candidates: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of each candidate."""
    return alternate(candidates, rounds=3, clock=time.process_time if torch.get_num_threads() == 1 else time.perf_counter)


def _everywhere() -> OccupancyGrid:
    """A grid that leaves no sample out."""
    return OccupancyGrid(torch.zeros(3), torch.ones(3), (2, 2, 2))


def _samples(method: InstantNGP, rays: Rays, occupancy: OccupancyGrid) -> Samples:
    """Samples in the occupied cells of a grid."""
    held, method.occupancy = method.occupancy, occupancy
    samples = method.samples(rays)
    method.occupancy = held
    return samples


def _rays(method: InstantNGP) -> tuple[Rays, Tensor]:
    """As many rays of a view as a step has, and their colours."""
    rays = tabletop.cameras(3, 100)[1].rays()
    some = torch.randperm(len(rays.origins), generator=torch.Generator().manual_seed(0))[: method.budget.count(4096)]
    rays = rays.subset(some)
    return rays, tabletop.trace(rays.origins, rays.directions)[0]


def _loss(field: nn.Module, rays: Rays, samples: Samples, target: Tensor, less: dict[str, float]) -> Tensor:
    return nn.functional.huber_loss(render(field, rays, samples, **less).colour, target, delta=HUBER)


def _step(method: InstantNGP, threads: str) -> None:
    """A training step with the same rays, and the parts of ours."""
    rays, target = _rays(method)
    plain = copy.deepcopy(method.tables)
    plain.encoding = PlainEncoding(plain.encoding)
    adam = torch.optim.Adam(plain.parameters(), lr=1e-2, eps=1e-15)
    masked = MaskedAdam(method.tables.parameter_groups(1e-6), lr=1e-2)

    def step(field: nn.Module, optimizer: torch.optim.Optimizer, occupancy: OccupancyGrid, **less: float) -> None:
        optimizer.zero_grad()
        _loss(field, rays, _samples(method, rays, occupancy), target, less).backward()
        optimizer.step()

    dense, occupied = _everywhere(), method.occupancy
    ways = {
        "autograd, every step in the box, Adam": partial(step, plain, adam, dense),
        "autograd, occupied cells, Adam": partial(step, plain, adam, occupied),
        "complex gathers, visible samples, masked Adam": partial(step, method.tables, masked, occupied, **LESS),
    }
    counts = [f"{len(_samples(method, rays, grid).t):,}" for grid in (dense, occupied)]
    rows = len(method.tables.encoding.rows)
    title = f"a step of {len(target):,} rays, {counts[0]} samples in the box, {counts[1]} of them in occupied cells"
    show(f"{title}, table of {rows:,} rows, {threads}", _measured(ways), against=next(iter(ways)))
    samples = method.samples(rays)

    def gradient() -> None:
        masked.zero_grad()
        _loss(method.tables, rays, samples, target, LESS).backward()

    parts = {
        "all": partial(step, method.tables, masked, occupied, **LESS),
        "placing samples": partial(method.samples, rays),
        "rendering": partial(_loss, method.tables, rays, samples, target, LESS),
        "rendering and its gradient": gradient,
        "masked Adam": masked.step,
    }
    show("parts of the last one", _measured(parts), against="all")


def _rendering(method: InstantNGP, threads: str) -> None:
    """A view, from every position along the rays, from the occupied ones, and from those that are visible."""
    rays = tabletop.cameras(3, 100)[1].rays()

    def view(occupancy: OccupancyGrid, **less: float) -> None:
        for begin in range(0, len(rays.origins), RAYS):
            part = rays.subset(slice(begin, begin + RAYS))
            render(method.tables, part, _samples(method, part, occupancy), **less)

    ways = {
        "every step in the box": partial(view, _everywhere()),
        "occupied cells": partial(view, method.occupancy),
        "occupied cells, to the surface": partial(view, method.occupancy, **LESS),
    }
    with torch.no_grad():
        show(f"a rendering of 100x100, {threads}", _measured(ways), against=next(iter(ways)))
