"""Multiresolution hash encoding (Müller, Evans, Schied, Keller 2022): features interpolated in grids that share small tables."""

import math
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.layers import kernels

PRIMES = (1, 2654435761 - 2**32, 805459861)
"""π of equation 4, as signed numbers of 32 bits: products wrap there, and have the same low bits as unsigned ones."""

CHUNK = 2**15
"""Cells that are looked up at a time, one for each point and level, so that their corners stay in a CPU's cache."""

_LARGEST = 2**31 - 1
"""Of a 32-bit integer: kernels address the elements of a table with it."""


class Level(NamedTuple):
    """One grid of the hierarchy.

    Args:
        scale: cells along the side of the unit cube, less one: N_min b^l - 1.
        resolution: N_l = ceil(scale) + 1.
        first: its first row in the table.
        rows: how many it has.
        dense: whether every corner has a row of its own; otherwise corners are hashed.
    """

    scale: float
    resolution: int
    first: int
    rows: int
    dense: bool


def levels_of(count: int, log2_rows: int, coarsest: int, finest: int) -> tuple[Level, ...]:
    """The levels of a hierarchy, from coarse to fine.

        N_l = ceil(N_min b^l - 1) + 1,   b = exp((ln N_max - ln N_min) / (L - 1));

    a level with N_l^3 <= T corners is dense, the others have T rows.

    Args:
        count: L.
        log2_rows: log2 T.
        coarsest, finest: N_min, N_max.

    Source: equations 2 and 3 of the paper, rounded as in the authors' code; dense levels have a multiple of 8 rows.

    Example:
        >>> [(level.resolution, level.rows, level.dense) for level in levels_of(3, 14, 16, 64)]
        [(16, 4096, True), (32, 16384, False), (64, 16384, False)]
    """
    growth = (math.log(finest) - math.log(coarsest)) / max(1, count - 1)
    found, first = [], 0
    for number in range(count):
        scale = coarsest * math.exp(number * growth) - 1
        resolution = math.ceil(round(scale, 6)) + 1
        rows = min(2**log2_rows, (resolution**3 + 7) // 8 * 8)
        found.append(Level(scale, resolution, first, rows, resolution**3 <= rows))
        first += rows
    return tuple(found)


class HashEncoding(nn.Module):
    """Features of points in the unit cube, interpolated at L resolutions.

    At each level the eight corners around `x (N_min b^l - 1) + 1/2` are looked up in a table, at the row

        h(c) = (c_1 π_1 xor c_2 π_2 xor c_3 π_3) mod T

    or, if all corners fit, at a row of their own, and interpolated. The table is one parameter, level after level.

    Args:
        levels: L.
        features: F, of a level; even.
        log2_rows: log2 of T, the largest number of rows of a level.
        coarsest, finest: N_min and N_max, corners along a side.
        smoothstep: interpolate with s(f) = f² (3 - 2 f), which is smooth across cells, in place of f.

    Raises:
        DarkroomError: the table has more elements than a 32-bit integer can address, or the number of features is odd.

    Source: section 3 of the paper; smoothstep: appendix A.

    Example:
        >>> import torch
        >>> encoding = HashEncoding(levels=8, features=4, log2_rows=12)
        >>> encoding(torch.rand(5, 3)).shape
        torch.Size([5, 32])
    """

    def __init__(
        self,
        levels: int = 16,
        features: int = 2,
        log2_rows: int = 19,
        coarsest: int = 16,
        finest: int = 2048,
        *,
        smoothstep: bool = False,
    ) -> None:
        super().__init__()
        if features % 2:
            raise DarkroomError(f"--features {features}: a level of a hash table has an even number of features")
        self.levels, self.smoothstep = levels_of(levels, log2_rows, coarsest, finest), smoothstep
        rows = self.levels[-1].first + self.levels[-1].rows
        if rows * features > _LARGEST:
            raise DarkroomError(
                f"--log2-rows {log2_rows}: {levels} levels with {features} features have {rows * features:,} elements, more than "
                "32-bit addresses reach; lower it"
            )
        self.features = levels * features
        self.rows = nn.Parameter(torch.zeros(rows, features))

    def initialise(self, generator: torch.Generator) -> "HashEncoding":
        """Features uniform between -1e-4 and 1e-4."""
        nn.init.uniform_(self.rows, -1e-4, 1e-4, generator=generator)
        return self

    def forward(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points features"]:
        """Features of points, which are clamped to [0, 1]; no gradient flows to points."""
        return encoded(self.rows, points.detach().clamp(0, 1), self.levels, smoothstep=self.smoothstep)


def encoded(
    rows: Float[Tensor, "rows channels"],
    points: Float[Tensor, "points 3"],
    levels: tuple[Level, ...],
    *,
    smoothstep: bool = False,
) -> Float[Tensor, "points features"]:
    """Features of points in [0, 1]³, differentiable in `rows`: by Triton kernels on a GPU, otherwise in PyTorch.

    In PyTorch, two features of a row are one complex number, which a one-dimensional gather fetches at once; corners come first,
    so that all arithmetic is over contiguous points. Corners are computed again in the backward pass.
    """
    if kernels.usable(rows) and rows.shape[1] in (2, 4, 8):
        from darkroom.layers.triton_hash import TritonEncoding

        return TritonEncoding.apply(rows, points, levels, smoothstep)  # type: ignore[no-any-return]
    return _Encoding.apply(rows, points, levels, smoothstep)  # type: ignore[no-any-return]


class _Encoding(torch.autograd.Function):
    """The reference: forward and backward pass in PyTorch."""

    @staticmethod
    def forward(context: Any, rows: Tensor, points: Tensor, levels: tuple[Level, ...], smoothstep: bool) -> Tensor:
        context.save_for_backward(points)
        context.shape, context.levels, context.smoothstep = rows.shape, levels, smoothstep
        features = rows.new_empty(len(levels), rows.shape[1] // 2, len(points), dtype=rows.dtype.to_complex())
        for lookup in _lookups(rows, points, levels, smoothstep):
            values = torch.view_as_real(lookup.table.index_select(0, lookup.corners.flatten()))
            values = values.view(*lookup.corners.shape[:-1], -1)
            for share in lookup.shares:
                values = torch.lerp(values[0], values[1], share)
            features[lookup.place] = torch.view_as_complex(values.unflatten(1, (-1, 2)))
        return torch.view_as_real(features.flatten(0, 1).t().contiguous()).flatten(1)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        (points,) = context.saved_tensors
        rows = gradient.new_zeros(context.shape)
        pairs = torch.view_as_complex(gradient.contiguous().unflatten(1, (-1, 2))).t().contiguous()
        pairs = pairs.unflatten(0, (len(context.levels), -1))
        for lookup in _lookups(rows, points, context.levels, context.smoothstep):
            values = torch.view_as_real(pairs[lookup.place]).flatten(1)
            for share in reversed(lookup.shares):
                values = _split(values, share)
            values = torch.view_as_complex(values.view(-1, 2))
            if rows.device.type == "cpu":
                lookup.table.scatter_add_(0, lookup.corners.flatten().long(), values)  # twice as fast there as `index_add_`
            else:
                lookup.table.index_add_(0, lookup.corners.flatten(), values)
        return rows, None, None, None


def _split(values: Tensor, share: Tensor) -> Tensor:
    """The transpose of a linear interpolation: what flows to its two ends, stacked."""
    ends = values.new_empty(2, *values.shape)
    torch.mul(values, share, out=ends[1])
    torch.sub(values, ends[1], out=ends[0])
    return ends


class _Lookup(NamedTuple):
    """What is looked up for some points at some levels.

    Args:
        place: levels, pair of features, and points.
        table: pairs of features of these and all further levels, as complex numbers.
        corners: their places in that table, for both ends along x, y and z.
        shares: position in the cell along x, y and z, once for each feature of the pair.
    """

    place: tuple[slice, int, slice]
    table: Tensor
    corners: Int[Tensor, "2 2 2 levels n"]
    shares: tuple[Tensor, ...]


def _lookups(rows: Tensor, points: Tensor, levels: tuple[Level, ...], smoothstep: bool) -> Iterator[_Lookup]:
    """All that is looked up in a table: levels, several at a time where points are few, chunks of points, and pairs of features."""
    pairs, size = rows.shape[1] // 2, max(1, min(len(points), CHUNK))
    tables, across = torch.view_as_complex(rows.view(-1, pairs, 2)).flatten(), points.t().contiguous()
    for group in _groups(levels, CHUNK // size):
        some = levels[group]
        scales = torch.tensor([level.scale for level in some], dtype=points.dtype, device=points.device)[:, None]
        for begin in range(0, len(points), size):
            part = slice(begin, begin + size)
            position = (across[:, None, part] * scales).add_(0.5)
            corners = corners_of(position.int(), some)
            share = position.frac_().to(rows.dtype).repeat_interleave(2, -1)
            if smoothstep:
                share = share * share * (3 - 2 * share)
            for pair in range(pairs):
                which = corners if pairs == 1 else corners * pairs + pair
                yield _Lookup((group, pair, part), tables[some[0].first * pairs :], which, share.unbind())


def _groups(levels: tuple[Level, ...], count: int) -> Iterator[slice]:
    """Up to `count` levels at a time, all dense or all hashed."""
    begin = 0
    for _, alike in groupby(levels, lambda level: level.dense):
        end = begin + len(list(alike))
        yield from (slice(first, min(first + count, end)) for first in range(begin, end, count))
        begin = end


def corners_of(cells: Int[Tensor, "3 levels n"], levels: tuple[Level, ...]) -> Int[Tensor, "2 2 2 levels n"]:
    """Rows of the eight corners of cells, counted from the first level's first: of levels that are all dense, or all hashed.

    A dense level's corners beyond its last row continue at its first one, as in the authors' code; this concerns points within half a
    cell of the far faces of the unit cube.
    """
    factors = [(1, level.resolution, level.resolution**2) if level.dense else PRIMES for level in levels]
    step = torch.tensor(factors, dtype=torch.int32, device=cells.device).t()[:, :, None]
    places = [(level.first - levels[0].first, level.rows) for level in levels]
    first, count = torch.tensor(places, dtype=torch.int32, device=cells.device).t()[:, :, None]
    low = cells * step
    ends = torch.stack([low, low + step])
    if levels[0].dense:
        x, y, z = ends.unbind(1)
        index = (x[:, None, None] + y[:, None] + z).sub_(count)
        index += (index >> 31).bitwise_and_(count)  # negative numbers have all bits set there
        return index.add_(first)
    x, y, z = ends.bitwise_and_(count - 1).unbind(1)  # the number of rows is a power of two, and `first` a multiple of it
    return (x + first)[:, None, None] ^ y[:, None] ^ z
