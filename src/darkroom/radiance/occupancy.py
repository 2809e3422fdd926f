"""Occupancy grids: the cells of a box in which a field is not transparent, so that empty space is not sampled."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from darkroom.layers.growth import Growing

INTERVAL = 16
"""Steps between two updates, once training has settled."""

Density = Callable[[Float[Tensor, "points 3"]], Float[Tensor, " points"]]
"""Density of a field at points, in any unit."""


class OccupancyGrid(Growing):
    """A boolean grid over a box, for any field: true where the field may be other than transparent.

    Grid points are spaced evenly from `low` to `high`, both included, as in a voxel grid with aligned corners; each stands for
    the cell of points that are nearest to it. All cells are occupied at first. Two ways of updating:

    - `narrow`, from opacities on a grid: cells once empty stay empty (DVGO's);
    - `update`, from a density function: a running maximum that decays, so that cells may become occupied again (Instant-NGP's).

    The state may be of any size, and is loaded as it is.

    Args:
        low, high: corners of the box, `(3,)`.
        size: grid points along x, y, z, at least 2 each.

    Example:
        >>> import torch
        >>> grid = OccupancyGrid(-torch.ones(3), torch.ones(3), (32, 32, 32))
        >>> ball = lambda points: 10.0 * (points.norm(dim=1) < 0.5)
        >>> grid.update(ball, threshold=0.01)
        >>> grid.occupied(torch.tensor([[0.0, 0.0, 0.0], [0.9, 0.0, 0.0]])).tolist()
        [True, False]
        >>> round(grid.fraction(), 1)  # of the box; the ball fills 0.065 of it
        0.1
    """

    grows = ("mask", "density")

    def __init__(self, low: Float[Tensor, "3"], high: Float[Tensor, "3"], size: Sequence[int]) -> None:
        super().__init__()
        self.low: Tensor
        self.high: Tensor
        self.mask: Tensor
        self.density: Tensor
        self.register_buffer("low", low.clone())
        self.register_buffer("high", high.clone())
        self.register_buffer("mask", torch.ones(*size, dtype=torch.bool, device=low.device))
        self.register_buffer("density", torch.zeros(0, 0, 0, device=low.device))  # allocated by the first `update`

    def occupied(self, points: Float[Tensor, "points 3"]) -> Bool[Tensor, " points"]:
        """Whether the cell of each point is occupied; a point outside the box belongs to the nearest cell."""
        last = torch.tensor(self.mask.shape, device=points.device) - 1
        nearest = ((points - self.low) / (self.high - self.low) * last + 0.5).clamp_(min=0).minimum(last.to(points.dtype)).int()
        x, y, z = nearest.unbind(1)
        _, rows, columns = self.mask.shape
        return self.mask.flatten().index_select(0, (x * rows + y) * columns + z)

    def centres(self) -> Float[Tensor, "cells 3"]:
        """Positions of the grid points, in the order of `mask.flatten()`."""
        return grid_points(self.low, self.high, self.mask.shape)

    def fraction(self) -> float:
        """Fraction of the cells that are occupied."""
        return float(self.mask.float().mean())

    def fill(self) -> None:
        """Mark every cell as occupied."""
        self.mask.fill_(True)

    def resampled(self, low: Float[Tensor, "3"], high: Float[Tensor, "3"], size: Sequence[int]) -> "OccupancyGrid":
        """A grid over another box, or of another size, occupied where this one is."""
        other = OccupancyGrid(low, high, size)
        other.mask = self.occupied(other.centres()).view(other.mask.shape)
        return other

    @torch.no_grad()
    def narrow(self, opacity: Float[Tensor, "x y z"], threshold: float) -> None:
        """Keep the occupied cells in which the opacity of the cell or of a neighbour (3 x 3 x 3) reaches the threshold.

        Args:
            opacity: at grid points over the same box; the grid takes their number.
            threshold: on opacity.

        Source: Sun et al. 2022, section 4.
        """
        opaque = nn.functional.max_pool3d(opacity[None, None], 3, 1, 1)[0, 0] >= threshold
        before = self.occupied(grid_points(self.low, self.high, opaque.shape))
        self.mask = opaque & before.view(opaque.shape)

    @torch.no_grad()
    def update(
        self, density: Density, threshold: float, *, decay: float = 0.95, cells: Int[Tensor, " cells"] | None = None
    ) -> None:
        """Update the running maximum of density, `max(decay · old, new)`, and occupy the cells in which it exceeds a threshold.

        `new` is the density at a random point of the cell, from the global generator; 0 for cells that are not evaluated.

        Args:
            density: of the field.
            threshold: on density; the mean over all cells is used where that is lower.
            decay: of the maximum.
            cells: index of the cells to evaluate in `mask.flatten()`; all by default.

        Source: Müller et al. 2022, appendix E.1.
        """
        if self.density.shape != self.mask.shape:
            self.density = torch.zeros(self.mask.shape, device=self.mask.device)
        points = self.centres() if cells is None else self.centres()[cells]
        edge = (self.high - self.low) / (torch.tensor(self.mask.shape, device=points.device) - 1)
        points = (points + (torch.rand_like(points) - 0.5) * edge).clamp(self.low, self.high)
        new = density(points).to(self.density.dtype)
        maximum = self.density.flatten() * decay
        maximum = torch.maximum(maximum, new) if cells is None else maximum.scatter_reduce(0, cells, new, "amax")
        self.density.copy_(maximum.view(self.mask.shape))
        self.mask.copy_(self.density > self.density.mean().clamp(max=threshold))

    def some_cells(self) -> Int[Tensor, " cells"]:
        """Half as many cells as there are, drawn from the global generator: one half of them from all, one from the occupied ones.

        Source: Müller et al. 2022, appendix E.1.
        """
        count, occupied = self.mask.numel(), self.mask.flatten().nonzero().squeeze(1)
        anywhere = torch.randint(count, (count // 4,), device=occupied.device)
        if not len(occupied):
            return anywhere
        return torch.cat([anywhere, occupied[torch.randint(len(occupied), (count // 4,), device=occupied.device)]])


def is_due(step: int) -> bool:
    """Whether an occupancy grid is updated after a step: every time at first, ever more seldom, and at last every 16 steps.

    Source: Müller et al. 2022, appendix E.1.

    Example:
        >>> [step for step in range(100, 150) if is_due(step)]
        [102, 108, 112, 119, 126, 128, 136, 144]
    """
    return step % min(INTERVAL, max(1, step // INTERVAL)) == 0


def grid_points(low: Float[Tensor, "3"], high: Float[Tensor, "3"], size: Sequence[int]) -> Float[Tensor, "points 3"]:
    """Evenly spaced points of a box, corners included, x slowest and z fastest."""
    axes = [torch.linspace(0, 1, int(n), device=low.device) for n in size]
    unit = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(-1, 3)
    return low + unit * (high - low)
