"""A Triton kernel that places samples in buffers of fixed capacity; the reference is `radiance.sampling.march`."""

# mypy: disable-error-code="no-untyped-def"

import math

import torch
import triton
import triton.language as tl
from jaxtyping import Bool, Float
from torch import Tensor

from darkroom.layers.contraction import Domain
from darkroom.radiance.buffers import Buffers, bounds_of
from darkroom.radiance.cameras import Rays
from darkroom.radiance.sampling import Samples, cone_of

BLOCK = 128
"""Rays of a program."""


def march_into(
    rays: Rays,
    enter: Float[Tensor, " rays"],
    leave: Float[Tensor, " rays"],
    step: float,
    *,
    capacity: int | None,
    domain: Domain,
    mask: Bool[Tensor, "x y z"],
    cone: float = 0.0,
    offset: Float[Tensor, " rays"] | None = None,
    spacing: float | None = None,
) -> Buffers:
    """As `march` with the cells of an occupancy grid over the unit cube, without the host waiting for the device.

    Samples are counted, the counts summed, and the samples written. In a bounded domain empty cells are crossed in one stride.

    Args:
        rays, enter, leave, step, cone, offset, spacing: as for `march`.
        capacity: of the buffers; None for as many as there are samples, for which the host has to wait.
        domain: maps positions to the unit cube.
        mask: of an occupancy grid over the unit cube.
    """
    path = cone_of(rays, enter, leave, step, cone, offset)
    count, device = len(leave), leave.device
    per_ray = torch.zeros(count, dtype=torch.int32, device=device)
    inputs = (
        rays.origins.contiguous(), rays.directions.contiguous(), path.begin, path.steps, path.even, leave.contiguous(),
        domain.low, domain.size, mask.view(torch.uint8), count, *mask.shape, cone, math.log2(1 + cone),
        step if spacing is None else spacing,
    )  # fmt: skip
    grid, kind = (triton.cdiv(count, BLOCK),), dict(CONE=cone > 0, UNBOUNDED=domain.unbounded, BLOCK=BLOCK)
    if count:
        _march[grid](*inputs, per_ray, per_ray, per_ray, per_ray, per_ray, 0, WRITE=False, **kind)
    last = per_ray.cumsum(0, dtype=torch.int32)
    capacity = int(last[-1:].sum()) if capacity is None else capacity
    t, lengths = (torch.zeros(capacity, device=device) for _ in "ab")
    ray = torch.full((capacity,), count - 1, device=device)
    if count:
        _march[grid](*inputs, per_ray, last, t, ray, lengths, capacity, WRITE=True, **kind)
    return Buffers(Samples(ray, t, lengths, count), *bounds_of(last, capacity), last[-1:].sum())


@triton.jit
def _march(
    origins, directions, begins, steps, evens, leaves, low, size, mask, count, nx, ny, nz, cone, log2_growth, spacing,
    per_ray, last, t_out, ray_out, length_out, capacity,
    CONE: tl.constexpr, UNBOUNDED: tl.constexpr, WRITE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    r = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    valid = r < count
    ox, oy, oz = _vector(origins, r, valid)
    dx, dy, dz = _vector(directions, r, valid)
    begin, step = tl.load(begins + r, mask=valid, other=1.0), tl.load(steps + r, mask=valid, other=1.0)
    leave, even = tl.load(leaves + r, mask=valid, other=0.0), tl.load(evens + r, mask=valid, other=0.0)
    turn = begin + even * step
    found = tl.zeros((BLOCK,), tl.int32)
    end = tl.load(last + r, mask=valid, other=0)
    first = end - tl.load(per_ray + r, mask=valid, other=0)
    number = tl.zeros((BLOCK,), tl.float32)
    active = valid & (begin < leave)
    while tl.max(active.to(tl.int32), 0) > 0:
        t = begin + number * step
        if CONE:
            t = tl.where(number > even, turn * tl.exp2((number - even) * log2_growth), t)
        active = active & (t < leave)
        ux = (ox + t * dx - tl.load(low)) / tl.load(size)
        uy = (oy + t * dy - tl.load(low + 1)) / tl.load(size + 1)
        uz = (oz + t * dz - tl.load(low + 2)) / tl.load(size + 2)
        if UNBOUNDED:
            ux, uy, uz = _contracted(ux, uy, uz)
        x, y, z = _cell(ux, nx), _cell(uy, ny), _cell(uz, nz)
        hit = active & (tl.load(mask + (x * ny + y) * nz + z, mask=active, other=0) != 0)
        if WRITE:
            stored = hit & (end <= capacity)
            length = tl.full((BLOCK,), 1.0, tl.float32)
            if CONE:
                length = tl.maximum(step, cone * t) / step
            tl.store(t_out + first + found, t, mask=stored)
            tl.store(ray_out + first + found, r, mask=stored)
            tl.store(length_out + first + found, length * spacing, mask=stored)
        found += hit.to(tl.int32)
        following = number + 1
        if not UNBOUNDED:  # cross the rest of an empty cell, to the last sample in it at most
            across = tl.minimum(_across(ux, x, dx / tl.load(size), nx), _across(uy, y, dy / tl.load(size + 1), ny))
            t = t + tl.minimum(across, _across(uz, z, dz / tl.load(size + 2), nz))
            jump = tl.floor((t - begin) / step)
            if CONE:
                jump = tl.where(t > turn, even + tl.floor(tl.log2(tl.maximum(t / turn, 1.0)) / log2_growth), jump)
            following = tl.where(hit, following, tl.maximum(following, jump))
        number = following
    if not WRITE:
        tl.store(per_ray + r, found, mask=valid)


@triton.jit
def _vector(vectors, r, valid):
    x, y = tl.load(vectors + 3 * r, mask=valid, other=0.0), tl.load(vectors + 3 * r + 1, mask=valid, other=0.0)
    return x, y, tl.load(vectors + 3 * r + 2, mask=valid, other=0.0)


@triton.jit
def _cell(u, cells):
    """Index of the cell along an axis: grid points lie on the faces of the unit cube."""
    return tl.minimum(tl.maximum(u * (cells - 1) + 0.5, 0.0), (cells - 1).to(tl.float32)).to(tl.int32)


@triton.jit
def _across(u, cell, direction, cells):
    """How far in t a cell reaches along an axis; at least 0."""
    direction = tl.where(tl.abs(direction) < 1e-9, 1e-9, direction)
    face = tl.where(direction > 0, cell + 0.5, cell - 0.5) / (cells - 1)
    return tl.maximum((face - u) / direction, 0.0)


@triton.jit
def _contracted(x, y, z):
    """Coordinates in a box to those of the unit cube, as in `Domain.unit`."""
    x, y, z = 2 * x - 1, 2 * y - 1, 2 * z - 1
    length = tl.maximum(tl.sqrt(x * x + y * y + z * z), 1.0)
    factor = (2 - 1 / length) / length
    return (x * factor + 2) / 4, (y * factor + 2) / 4, (z * factor + 2) / 4
