"""Interpolation in a grid that is kept row by row."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def interpolated(
    rows: Float[Tensor, "voxels channels"], size: Int[Tensor, "3"], points: Float[Tensor, "points 3"]
) -> Float[Tensor, "points channels"]:
    """Trilinear interpolation between voxels, `rows[(x * Y + y) * Z + z]` being the one at (x, y, z).

    The eight corners are whole rows of channels, gathered and summed in one go; `grid_sample`, which keeps channels apart,
    takes several times as long on a CPU. Points beyond the grid count as on its border. No gradient flows to points.

    Args:
        rows: the grid, X · Y · Z rows.
        size: X, Y, Z, at least 2 each.
        points: in voxels, (0, 0, 0) being the first voxel's centre.
    """
    with torch.no_grad():
        points = points.clamp(min=0).minimum((size - 1).to(points.dtype))
        base = points.floor().minimum((size - 2).to(points.dtype))
        share = points - base
        strides = torch.stack([size[1] * size[2], size[2], torch.ones_like(size[0])])
        corner = torch.tensor([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], device=points.device)
        which = (base.long() * strides).sum(1, keepdim=True) + (corner * strides).sum(1)
        x, y, z = (torch.stack([1 - part, part], 1) for part in share.unbind(1))
        weights = (x[:, :, None, None] * y[:, None, :, None] * z[:, None, None, :]).view(-1, 8)
    return _WeightedRows.apply(rows, which, weights)  # type: ignore[no-any-return]


class _WeightedRows(torch.autograd.Function):
    """sum_k weights[n, k] rows[which[n, k]], and its gradient to rows."""

    @staticmethod
    def forward(context: Any, rows: Tensor, which: Tensor, weights: Tensor) -> Tensor:
        context.save_for_backward(which, weights)
        context.shape = rows.shape
        return torch.nn.functional.embedding_bag(which, rows, per_sample_weights=weights.to(rows.dtype), mode="sum")

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        which, weights = context.saved_tensors
        parts = (weights.to(gradient.dtype)[..., None] * gradient[:, None]).flatten(0, 1)
        return gradient.new_zeros(context.shape).index_add_(0, which.flatten(), parts), None, None
