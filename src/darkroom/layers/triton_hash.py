"""Triton kernels of the hash encoding, forward and backward; the reference is `layers.hash_encoding`."""

# mypy: disable-error-code="no-untyped-def"

from functools import lru_cache
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from darkroom.layers.hash_encoding import PRIMES, Level

_PRIME_Y, _PRIME_Z = (tl.constexpr(prime) for prime in PRIMES[1:])

BLOCK = 256
"""Points of a program."""


class TritonEncoding(torch.autograd.Function):
    """What the reference computes, in one kernel each way.

    A program takes some points at one level, and programs run level after level, so that the level's rows stay in the cache. The
    channels of a row are neighbours, and move as one vector; the backward pass adds them atomically in float32.
    """

    @staticmethod
    def forward(context: Any, rows: Tensor, points: Tensor, levels: tuple[Level, ...], smoothstep: bool) -> Tensor:
        points = points.contiguous()
        features = rows.new_empty(len(points), len(levels) * rows.shape[1])
        context.save_for_backward(points)
        context.shape, context.levels, context.smoothstep = rows.shape, levels, smoothstep
        if len(points):
            _gather[_grid(points, levels)](
                rows, points, features, *_arguments(points, levels), **_constants(rows, levels, smoothstep)
            )
        return features

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        (points,), levels = context.saved_tensors, context.levels
        rows = gradient.new_zeros(context.shape)
        if len(points):
            constants = _constants(rows, levels, context.smoothstep)
            _scatter[_grid(points, levels)](rows, points, gradient.contiguous(), *_arguments(points, levels), **constants)
        return rows, None, None, None


def _grid(points: Tensor, levels: tuple[Level, ...]) -> tuple[int, int]:
    return triton.cdiv(len(points), BLOCK), len(levels)


def _arguments(points: Tensor, levels: tuple[Level, ...]) -> tuple[Tensor, Tensor, int]:
    return *_tables(levels, points.device), len(points)


def _constants(rows: Tensor, levels: tuple[Level, ...], smoothstep: bool) -> dict[str, Any]:
    return dict(CHANNELS=rows.shape[1], LEVELS=len(levels), SMOOTH=smoothstep, BLOCK=BLOCK)


@lru_cache(maxsize=16)
def _tables(levels: tuple[Level, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Scales of the levels, and their resolutions, first rows, numbers of rows, and whether they are dense."""
    scales = torch.tensor([level.scale for level in levels], dtype=torch.float32, device=device)
    whole = [[level.resolution, level.first, level.rows, int(level.dense)] for level in levels]
    return scales, torch.tensor(whole, dtype=torch.int32, device=device)


@triton.jit
def _cell(points, scales, levels, count, level, BLOCK: tl.constexpr, SMOOTH: tl.constexpr):
    """Which points a program takes, the lower corners of their cells, and the positions in the cells."""
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    valid = n < count
    scale = tl.load(scales + level)
    x = tl.load(points + 3 * n, mask=valid, other=0.0) * scale + 0.5
    y = tl.load(points + 3 * n + 1, mask=valid, other=0.0) * scale + 0.5
    z = tl.load(points + 3 * n + 2, mask=valid, other=0.0) * scale + 0.5
    a, b, c = x.to(tl.int32), y.to(tl.int32), z.to(tl.int32)
    x, y, z = x - a, y - b, z - c
    if SMOOTH:
        x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
    return n, valid, a, b, c, x, y, z


@triton.jit
def _row(a, b, c, levels, level):
    """The row of a corner, as in `corners_of`, counted from the beginning of the table."""
    resolution, first = tl.load(levels + 4 * level), tl.load(levels + 4 * level + 1)
    rows, dense = tl.load(levels + 4 * level + 2), tl.load(levels + 4 * level + 3)
    own = a + (b + c * resolution) * resolution
    own = tl.where(own >= rows, own - rows, own)
    hashed = (a ^ (b * _PRIME_Y) ^ (c * _PRIME_Z)) & (rows - 1)
    return first + tl.where(dense != 0, own, hashed)


@triton.jit
def _gather(
    rows, points, features, scales, levels, count,
    CHANNELS: tl.constexpr, LEVELS: tl.constexpr, SMOOTH: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    level = tl.program_id(1)
    n, valid, a, b, c, x, y, z = _cell(points, scales, levels, count, level, BLOCK, SMOOTH)
    channel = tl.arange(0, CHANNELS)
    total = tl.zeros((BLOCK, CHANNELS), tl.float32)
    for corner in tl.static_range(8):
        i, j, k = corner // 4, corner // 2 % 2, corner % 2
        weight = (x if i else 1 - x) * (y if j else 1 - y) * (z if k else 1 - z)
        row = _row(a + i, b + j, c + k, levels, level)
        found = tl.load(rows + row[:, None] * CHANNELS + channel[None, :], mask=valid[:, None], other=0.0)
        total += weight[:, None] * found
    at = n.to(tl.int64)[:, None] * (LEVELS * CHANNELS) + level * CHANNELS + channel[None, :]
    tl.store(features + at, total, mask=valid[:, None])


@triton.jit
def _scatter(
    rows, points, gradient, scales, levels, count,
    CHANNELS: tl.constexpr, LEVELS: tl.constexpr, SMOOTH: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    level = tl.program_id(1)
    n, valid, a, b, c, x, y, z = _cell(points, scales, levels, count, level, BLOCK, SMOOTH)
    channel = tl.arange(0, CHANNELS)
    at = n.to(tl.int64)[:, None] * (LEVELS * CHANNELS) + level * CHANNELS + channel[None, :]
    upstream = tl.load(gradient + at, mask=valid[:, None], other=0.0)
    for corner in tl.static_range(8):
        i, j, k = corner // 4, corner // 2 % 2, corner % 2
        weight = (x if i else 1 - x) * (y if j else 1 - y) * (z if k else 1 - z)
        row = _row(a + i, b + j, c + k, levels, level)
        where = rows + row[:, None] * CHANNELS + channel[None, :]
        tl.atomic_add(where, weight[:, None] * upstream, mask=valid[:, None], sem="relaxed")
