"""Trilinear interpolation, and differences of neighbours, in a grid stored as rows of channels."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def interpolated(
    rows: Float[Tensor, "voxels channels"], size: Int[Tensor, "3"], points: Float[Tensor, "points 3"], *, sparse: bool = False
) -> Float[Tensor, "points channels"]:
    """Trilinear interpolation in a grid whose voxel (x, y, z) is `rows[(x * Y + y) * Z + z]`.

    The eight corners are rows with all channels, gathered and summed by one `embedding_bag`; `grid_sample`, which stores
    channels apart, takes twice as long on a CPU. Points outside the grid are clamped to it. No gradient flows to points.

    Args:
        rows: the grid, X · Y · Z rows.
        size: X, Y, Z, at least 2 each.
        points: in units of voxels; (0, 0, 0) is the centre of the first voxel.
        sparse: return a sparse gradient of the rows that were used, as `embedding` does, which is much faster for a large grid.

    Example:
        >>> import torch
        >>> corners = torch.arange(8.0)[:, None]  # a grid of 2 x 2 x 2 voxels
        >>> interpolated(corners, torch.tensor([2, 2, 2]), torch.tensor([[0.0, 0.0, 1.0], [0.5, 0.5, 0.5]])).tolist()
        [[1.0], [3.5]]
    """
    with torch.no_grad():
        points = points.clamp(min=0).minimum((size - 1).to(points.dtype))
        base = points.floor().minimum((size - 2).to(points.dtype))
        fraction = points - base
        strides = _strides(size)
        corner = torch.tensor([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], device=points.device)
        which = (base.long() * strides).sum(1, keepdim=True) + (corner * strides).sum(1)
        x, y, z = (torch.stack([1 - part, part], 1) for part in fraction.unbind(1))
        weights = (x[:, :, None, None] * y[:, None, :, None] * z[:, None, None, :]).view(-1, 8)
    return _WeightedRows.apply(rows, which, weights, sparse)  # type: ignore[no-any-return]


def differences(
    rows: Float[Tensor, "voxels channels"], size: Int[Tensor, "3"], count: int, *, sparse: bool = False
) -> Float[Tensor, "pairs channels"]:
    """Differences between neighbours along each axis, at voxels drawn at random from the global generator.

    Args:
        rows, size, sparse: as for `interpolated`.
        count: number of voxels drawn; there are up to three times as many pairs, as the last voxel of an axis has no neighbour.
    """
    which = torch.randint(len(rows), (count,), device=rows.device)
    pairs = []
    for length, stride in zip(size, _strides(size), strict=True):
        first = which[which // stride % length < length - 1]
        pairs.append(torch.stack([first, first + stride], 1))
    both = torch.cat(pairs)
    signs = torch.tensor([-1.0, 1.0], device=rows.device).expand(len(both), 2).contiguous()
    return _WeightedRows.apply(rows, both, signs, sparse)  # type: ignore[no-any-return]


def _strides(size: Int[Tensor, "3"]) -> Int[Tensor, "3"]:
    """Number of rows between neighbours along each axis."""
    return torch.stack([size[1] * size[2], size[2], torch.ones_like(size[0])])


class _WeightedRows(torch.autograd.Function):
    """sum_k weights[n, k] rows[which[n, k]], and its gradient to rows."""

    @staticmethod
    def forward(context: Any, rows: Tensor, which: Tensor, weights: Tensor, sparse: bool) -> Tensor:
        context.save_for_backward(which, weights)
        context.shape, context.sparse = rows.shape, sparse
        return torch.nn.functional.embedding_bag(which, rows, per_sample_weights=weights.to(rows.dtype), mode="sum")

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        which, weights = context.saved_tensors
        parts = (weights.to(gradient.dtype)[..., None] * gradient[:, None]).flatten(0, 1)
        which, (count, channels) = which.flatten(), context.shape
        if not context.sparse:
            return gradient.new_zeros(context.shape).index_add_(0, which, parts), None, None, None
        used = torch.zeros(count, dtype=torch.bool, device=which.device).index_fill_(0, which, True).nonzero().squeeze(1)
        position = torch.empty(count, dtype=torch.long, device=which.device)
        position[used] = torch.arange(len(used), device=which.device)
        sums = gradient.new_zeros(len(used), channels).index_add_(0, position[which], parts)
        with torch.sparse.check_sparse_tensor_invariants(False):  # explicit, since torch warns otherwise
            return torch.sparse_coo_tensor(used[None], sums, context.shape, is_coalesced=True), None, None, None
