"""World coordinates in the unit cube: of a box, or of all of space, contracted (Barron et al. 2022, "Mip-NeRF 360")."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def contract(points: Float[Tensor, "*points 3"]) -> Float[Tensor, "*points 3"]:
    """All of space in a ball of radius 2; the unit ball stays as it is.

        contract(x) = x                             where ‖x‖ <= 1
                      (2 - 1/‖x‖) x/‖x‖             elsewhere

    Source: equation 10 of the paper.

    Example:
        >>> import torch
        >>> contract(torch.tensor([[0.5, 0.0, 0.0], [0.0, 4.0, 0.0]])).tolist()
        [[0.5, 0.0, 0.0], [0.0, 1.75, 0.0]]
    """
    length = points.norm(dim=-1, keepdim=True).clamp(min=1)
    return points * (2 - 1 / length) / length


def expand(points: Float[Tensor, "*points 3"], farthest: float = 1e4) -> Float[Tensor, "*points 3"]:
    """The inverse of `contract`; points at a radius of 2 or more come to lie at the distance `farthest`."""
    length = points.norm(dim=-1, keepdim=True)
    radius = torch.where(length <= 1, length, 1 / (2 - length).clamp(min=1 / farthest))
    return points * radius / length.clamp(min=1e-12)


class Domain(nn.Module):
    """The part of space that a field fills, and its map to the unit cube.

    A bounded domain is a box. An unbounded one is all of space: a box in which the scene is resolved evenly, and what surrounds it,
    contracted; the ball of radius 2 of `contract` fills the unit cube.

    Args:
        low, high: corners of the box, `(3,)`.
        unbounded: whether space beyond the box belongs to the domain.

    Example:
        >>> import torch
        >>> Domain(-torch.ones(3), torch.ones(3)).unit(torch.zeros(1, 3)).tolist()
        [[0.5, 0.5, 0.5]]
        >>> everywhere = Domain(-torch.ones(3), torch.ones(3), unbounded=True)
        >>> [round(value, 3) for value in everywhere.unit(torch.tensor([[0.0, 100.0, 0.0]]))[0].tolist()]
        [0.5, 0.998, 0.5]
    """

    def __init__(self, low: Float[Tensor, "3"], high: Float[Tensor, "3"], *, unbounded: bool = False) -> None:
        super().__init__()
        self.unbounded = unbounded
        self.low: Tensor
        self.high: Tensor
        self.register_buffer("low", low.clone())
        self.register_buffer("high", high.clone())

    def set(self, low: Float[Tensor, "3"], high: Float[Tensor, "3"]) -> None:
        """Move the corners of the box."""
        self.low.copy_(low)
        self.high.copy_(high)

    @property
    def size(self) -> Float[Tensor, "3"]:
        """Sides of the box in world units."""
        return self.high - self.low

    def unit(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Coordinates in the unit cube; beyond it for points outside a bounded domain."""
        share = (points - self.low) / self.size
        return (contract(2 * share - 1) + 2) / 4 if self.unbounded else share

    def world(self, unit: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """World coordinates of points in the unit cube."""
        share = (expand(4 * unit - 2) + 1) / 2 if self.unbounded else unit
        return self.low + share * self.size
