"""A radiance field as voxel grids of density and features, with a shallow colour network (Sun, Sun, Chen 2022, "DVGO")."""

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.layers.encoding import PositionalEncoding
from darkroom.layers.growth import Growing
from darkroom.layers.initialization import initialise_linears
from darkroom.layers.trilinear import differences, interpolated

LARGEST = 2**31 - 1
"""Voxels of a grid, as the occupancy grid counts them."""


class VoxelField(Growing):
    """Density and colour interpolated in grids that fill a box.

        sigma(x) = softplus(interp(V_sigma)(x) + b),   c(x, d) = MLP(interp(V_c)(x), gamma_4(d))

    Interpolation comes before activation, so that a surface may cut through a voxel. The unit of length is a voxel of the grid
    with `base` voxels: over s of them the opacity is 1 - (1 + e^(V + b))^(-s).

    Args:
        low, high: corners of the box.
        voxels: approximate number of voxels; they are cubes.
        base: number of voxels that defines the unit of length.
        features: channels of the colour grid; without a network these are 3 colours before a sigmoid.
        width: of the two hidden layers of the colour network; 0 for none.
        opacity: initial opacity of one voxel (at `base`).

    Raises:
        DarkroomError: there are more voxels than 32-bit addresses reach.

    Source: sections 3 to 5 of the paper; b = log((1 - opacity)^(-1/s) - 1), equation 9.

    Example:
        >>> import torch
        >>> field = VoxelField(-torch.ones(3), torch.ones(3), voxels=8**3, base=8**3)
        >>> density, colour = field(torch.zeros(5, 3), torch.eye(3)[:1].expand(5, 3))
        >>> density.shape, colour.shape
        (torch.Size([5]), torch.Size([5, 3]))
    """

    grows = ("density_rows", "feature_rows", "lr_scales")

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
        self.lr_scales: Tensor
        box = high - low
        self.register_buffer("low", low.clone())
        self.register_buffer("high", high.clone())
        self.register_buffer("edge", (box.prod() / base).pow(1 / 3))  # of a voxel, at `base` of them
        self.register_buffer("shift", torch.tensor(math.log((1 - opacity) ** (-1.0) - 1)))
        self.register_buffer("size", self._size_for(voxels))
        count = int(self.size.prod())
        if count > LARGEST:
            raise DarkroomError(
                f"a grid of {' x '.join(map(str, self.size.tolist()))} = {count:,} voxels is larger than 32-bit addresses reach: lower "
                "--voxels or --coarse-voxels"
            )
        self.density_rows = nn.Parameter(torch.zeros(count, 1))
        self.feature_rows = nn.Parameter(torch.zeros(count, features))
        self.register_buffer("lr_scales", torch.ones(0))  # of the density, per voxel; empty where all are equal
        self.direction = PositionalEncoding(3, 4)
        self.network = _colour_network(features + self.direction.features, width) if width else None

    def initialise(self, generator: torch.Generator) -> "VoxelField":
        """The network's weights after Glorot & Bengio 2010, its biases zero."""
        initialise_linears(self, generator)
        return self

    def _size_for(self, voxels: int) -> Int[Tensor, "3"]:
        box = self.high - self.low
        edge = (box.prod() / voxels).pow(1 / 3)
        return (box / edge).round().long().clamp(min=2)

    @property
    def voxel_size(self) -> float:
        """Edge length of a voxel in world units."""
        return float(((self.high - self.low) / (self.size - 1)).mean())

    def spacing(self, step: float) -> float:
        """Length of a step of `step` voxels, in the field's unit of length."""
        return step * self.voxel_size / float(self.edge)

    @property
    def _sparse(self) -> bool:
        """Whether gradients are sparse; averaging over processes takes dense ones."""
        return not torch.distributed.is_initialized()

    def _interpolated(self, rows: Tensor, voxels: Float[Tensor, "points 3"]) -> Tensor:
        return interpolated(rows, self.size, voxels, sparse=self._sparse)

    def density(self, points: Float[Tensor, "points 3"]) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Density per unit of length, and the points in voxel coordinates, which `colour` takes."""
        voxels = (points - self.low) / (self.high - self.low) * (self.size - 1)
        raw = self._interpolated(self.density_rows, voxels)[:, 0]
        return nn.functional.softplus(raw + self.shift), voxels

    def colour(self, voxels: Float[Tensor, "points 3"], viewing: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Colour in [0, 1]."""
        features = self._interpolated(self.feature_rows, voxels)
        if self.network is None:
            return torch.sigmoid(features)
        # In bfloat16 so small a network is no faster, and the scene 1 dB worse.
        with torch.autocast(features.device.type, enabled=False):
            return torch.sigmoid(self.network(torch.cat([features, self.direction(viewing)], -1)))

    def forward(
        self, points: Float[Tensor, "points 3"], viewing: Float[Tensor, "points 3"]
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Density and colour."""
        sigma, voxels = self.density(points)
        return sigma, self.colour(voxels, viewing)

    def total_variation(self, fraction: float) -> Tensor:
        """Total variation: mean absolute difference of neighbours, of density and of features, summed over the three axes.

        Args:
            fraction: of the voxels, drawn at random, at which it is estimated.
        """
        count = max(1, round(fraction * len(self.density_rows)))
        each = [differences(rows, self.size, count, sparse=self._sparse) for rows in (self.density_rows, self.feature_rows)]
        return torch.stack([3 * found.abs().mean() for found in each]).sum()

    @torch.no_grad()
    def opacities(self) -> Float[Tensor, "x y z"]:
        """Opacity of one voxel at `base`, at every voxel: 1 - (1 + e^(V + b))^-1."""
        return torch.sigmoid(self.density_rows[:, 0] + self.shift).view(*self.size.tolist())

    @torch.no_grad()
    def centres(self) -> Float[Tensor, "voxels 3"]:
        """World coordinates of the voxels; the outermost are on the faces of the box."""
        axes = [torch.linspace(0, 1, int(n), device=self.low.device) for n in self.size]
        unit = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(-1, 3)
        return self.low + unit * (self.high - self.low)

    @torch.no_grad()
    def bounding_box(self, threshold: float, enlargement: float = 1.05) -> tuple[Tensor, Tensor]:
        """The box around the voxels whose opacity reaches a threshold, enlarged; the whole box where there are none."""
        where = self.centres()[self.opacities().flatten() >= threshold]
        if not len(where):
            return self.low.clone(), self.high.clone()
        low, high = where.amin(0), where.amax(0)
        margin = (high - low).clamp(min=self.voxel_size) * (enlargement - 1) / 2
        return low - margin, high + margin

    @torch.no_grad()
    def resize(self, voxels: int) -> None:
        """Resample the grids to another number of voxels, by trilinear interpolation; parameters are replaced."""
        before, self.size = self.size.tolist(), self._size_for(voxels).to(self.size.device)
        after = self.size.tolist()

        def resized(rows: Tensor) -> nn.Parameter:
            grid = rows.t().reshape(1, -1, *before)
            new = nn.functional.interpolate(grid, size=after, mode="trilinear", align_corners=True)
            return nn.Parameter(new[0].flatten(1).t().contiguous())

        self.density_rows, self.feature_rows = resized(self.density_rows), resized(self.feature_rows)

    def parameter_groups(self, network_lr_scale: float) -> list[dict[str, Any]]:
        """Parameter groups for `MaskedAdam`, with learning-rate factors.

        Args:
            network_lr_scale: learning rate of the colour network, relative to that of the grids.
        """
        density: dict[str, Any] = {"params": [self.density_rows]}
        if len(self.lr_scales):
            density["row_lr_scales"] = self.lr_scales
        groups: list[dict[str, Any]] = [density, {"params": [self.feature_rows]}]
        if self.network is not None:
            groups.append({"params": list(self.network.parameters()), "lr_scale": network_lr_scale})
        return groups


def _colour_network(inputs: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3))
