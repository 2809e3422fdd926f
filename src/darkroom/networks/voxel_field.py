"""A scene as grids: density and features at voxels, colour by a shallow network (Sun, Sun, Chen 2022, "DVGO")."""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from darkroom.layers.encoding import PositionalEncoding
from darkroom.layers.growth import Growing
from darkroom.layers.initialization import initialise_linears
from darkroom.layers.trilinear import differences, interpolated


class VoxelField(Growing):
    """Density and colour interpolated in grids that fill a box.

        sigma(x) = softplus(interp(V_sigma)(x) + b),   c(x, d) = MLP(interp(V_c)(x), gamma_4(d))

    Interpolation comes before activation, so that a surface may cut through a voxel. Density is per voxel of the
    box at `base` voxels; opacity after a step of s such voxels is 1 - (1 + e^(V + b))^(-s).

    Args:
        low, high: corners of the box.
        voxels: how many, about; they are cubes.
        base: number of voxels in whose size lengths are measured.
        features: channels of the colour grid; without a network it is 3 of them, through a sigmoid.
        width: of the network's two hidden layers; 0 for none.
        opacity: of one voxel (at `base`) in the beginning, everywhere.

    Source: sections 3 to 5 of the paper; b = log((1 - opacity)^(-1/s) - 1), equation 9.
    """

    grows = ("density_rows", "feature_rows", "mask", "rates")

    def __init__(
        self,
        low: Float[Tensor, "3"],
        high: Float[Tensor, "3"],
        voxels: int,
        *,
        base: int,
        features: int = 3,
        width: int = 0,
        opacity: float = 1e-6,
    ) -> None:
        super().__init__()
        self.low: Tensor
        self.high: Tensor
        self.size: Tensor
        self.shift: Tensor
        self.edge: Tensor
        self.mask: Tensor
        self.rates: Tensor
        box = high - low
        self.register_buffer("low", low.clone())
        self.register_buffer("high", high.clone())
        self.register_buffer("edge", (box.prod() / base).pow(1 / 3))  # of a voxel, at `base` of them
        self.register_buffer("shift", torch.tensor(math.log((1 - opacity) ** (-1.0) - 1)))
        self.register_buffer("size", self._size_for(voxels))
        count = int(self.size.prod())
        self.density_rows = nn.Parameter(torch.zeros(count, 1))
        self.feature_rows = nn.Parameter(torch.zeros(count, features))
        self.register_buffer("mask", torch.ones(*self.size.tolist(), dtype=torch.bool))
        self.register_buffer("rates", torch.ones(0))  # of the density, voxel by voxel; none for equal ones
        self.direction = PositionalEncoding(3, 4)
        self.network: nn.Module | None = None
        if width:
            self.network = nn.Sequential(
                nn.Linear(features + self.direction.features, width),
                nn.ReLU(),
                nn.Linear(width, width),
                nn.ReLU(),
                nn.Linear(width, 3),
            )

    def initialise(self, generator: torch.Generator) -> "VoxelField":
        """The network's weights after Glorot & Bengio 2010, its biases zero."""
        initialise_linears(self, generator)
        return self

    def _size_for(self, voxels: int) -> Int[Tensor, "3"]:
        box = self.high - self.low
        edge = (box.prod() / voxels).pow(1 / 3)
        return (box / edge).round().long().clamp(min=2)

    @property
    def voxel(self) -> float:
        """Edge of a voxel, a length of the world."""
        return float(((self.high - self.low) / (self.size - 1)).mean())

    def spacing(self, step: float) -> float:
        """Length of a step of `step` voxels, in voxels of the grid at `base`."""
        return step * self.voxel / float(self.edge)

    def _within(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Points in voxels from the first one's centre."""
        return (points - self.low) / (self.high - self.low) * (self.size - 1)

    @property
    def _sparse(self) -> bool:
        """Whether gradients hold met voxels alone; several processes average gradients that are dense."""
        return not torch.distributed.is_initialized()

    def _at(self, rows: Tensor, within: Float[Tensor, "points 3"]) -> Tensor:
        return interpolated(rows, self.size, within, sparse=self._sparse)

    def density(self, points: Float[Tensor, "points 3"]) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Density per voxel at `base`, and the points in voxels, which is what `colour` wants to know."""
        within = self._within(points)
        raw = self._at(self.density_rows, within)[:, 0]
        return nn.functional.softplus(raw + self.shift), within

    def colour(self, known: Float[Tensor, "points 3"], viewing: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Colour in [0, 1]."""
        features = self._at(self.feature_rows, known)
        if self.network is None:
            return torch.sigmoid(features)
        # In bfloat16 so small a network is no faster, and the scene 1 dB worse.
        with torch.autocast(features.device.type, enabled=False):
            return torch.sigmoid(self.network(torch.cat([features, self.direction(viewing)], -1)))

    def forward(
        self, points: Float[Tensor, "points 3"], viewing: Float[Tensor, "points 3"]
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Density and colour."""
        sigma, known = self.density(points)
        return sigma, self.colour(known, viewing)

    def occupied(self, points: Float[Tensor, "points 3"]) -> Bool[Tensor, " points"]:
        """Whether there may be something, by the mask's nearest voxel."""
        shape = torch.tensor(self.mask.shape, device=points.device)
        nearest = ((points - self.low) / (self.high - self.low) * (shape - 1)).round().long()
        x, y, z = nearest.clamp_(min=0).minimum(shape - 1).unbind(1)
        return self.mask.flatten()[(x * shape[1] + y) * shape[2] + z]

    def variation(self, share: float) -> Tensor:
        """Total variation: the mean absolute difference of neighbours, of density and of features, added up over the three axes.

        Estimated at a share of the voxels, drawn at random.
        """
        count = max(1, round(share * len(self.density_rows)))
        each = [differences(rows, self.size, count, sparse=self._sparse) for rows in (self.density_rows, self.feature_rows)]
        return torch.stack([3 * found.abs().mean() for found in each]).sum()

    @torch.no_grad()
    def opacities(self) -> Float[Tensor, "x y z"]:
        """Opacity of one voxel at `base`, at every voxel: 1 - (1 + e^(V + b))^-1."""
        return torch.sigmoid(self.density_rows[:, 0] + self.shift).view(*self.size.tolist())

    @torch.no_grad()
    def centres(self) -> Float[Tensor, "voxels 3"]:
        """Where voxels lie in the world."""
        axes = [torch.linspace(0, 1, int(n), device=self.low.device) for n in self.size]
        unit = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(-1, 3)
        return self.low + unit * (self.high - self.low)

    @torch.no_grad()
    def update_occupancy(self, threshold: float) -> None:
        """Narrow the mask to where the opacity of a voxel or of a neighbour reaches the threshold."""
        dense = nn.functional.max_pool3d(self.opacities()[None, None], 3, 1, 1)[0, 0] >= threshold
        self.mask = dense & self.occupied(self.centres()).view(dense.shape)

    @torch.no_grad()
    def box_of(self, threshold: float, room: float = 1.05) -> tuple[Tensor, Tensor]:
        """The box around everything denser than the threshold, a little enlarged; its whole box where there is nothing."""
        where = self.centres()[self.opacities().flatten() >= threshold]
        if not len(where):
            return self.low.clone(), self.high.clone()
        low, high = where.amin(0), where.amax(0)
        more = (high - low).clamp(min=self.voxel) * (room - 1) / 2
        return low - more, high + more

    @torch.no_grad()
    def grown(self, voxels: int) -> None:
        """Give the grids another number of voxels, interpolated from what they hold."""
        before, self.size = self.size.tolist(), self._size_for(voxels).to(self.size.device)
        after = self.size.tolist()

        def resized(rows: Tensor) -> nn.Parameter:
            grid = rows.t().reshape(1, -1, *before)
            new = nn.functional.interpolate(grid, size=after, mode="trilinear", align_corners=True)
            return nn.Parameter(new[0].flatten(1).t().contiguous())

        self.density_rows, self.feature_rows = resized(self.density_rows), resized(self.feature_rows)

    def groups(self, network: float) -> list[dict[str, Any]]:
        """Parameters by how fast they move: grids at the rate, the network at `network` times it."""
        density: dict[str, Any] = {"params": [self.density_rows]}
        if len(self.rates):
            density["rows"] = self.rates
        found: list[dict[str, Any]] = [density, {"params": [self.feature_rows]}]
        return [*found, {"params": list(self.network.parameters()), "factor": network}] if self.network else found
