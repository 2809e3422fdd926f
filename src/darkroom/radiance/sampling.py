"""Samples along rays: the packed layout, and the rules that place them."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from darkroom.radiance.cameras import Rays

UNBOUNDED = 1e10
"""Length of the last interval of a ray, which has no end."""

Occupied = Callable[[Float[Tensor, "points 3"]], Bool[Tensor, " points"]]
"""Whether a field may be other than transparent at points, for example `OccupancyGrid.occupied`."""


class Samples(NamedTuple):
    """Samples of a batch of rays, packed: those of ray 0 in ascending t, then those of ray 1, and so on.

    Rays may have different numbers of samples, or none.

    Args:
        ray: index of the ray of each sample, ascending.
        t: position along the ray, in units of its direction.
        spacing: length of the interval that a sample stands for, in the field's unit of length.
        rays: number of rays.

    Example:
        >>> import torch
        >>> samples = Samples(torch.tensor([0, 0, 2]), torch.tensor([1.0, 1.5, 3.0]), torch.full((3,), 0.5), rays=3)
        >>> torch.bincount(samples.ray, minlength=samples.rays).tolist()
        [2, 0, 1]
    """

    ray: Int[Tensor, " samples"]
    t: Float[Tensor, " samples"]
    spacing: Float[Tensor, " samples"]
    rays: int

    def points(self, rays: Rays) -> Float[Tensor, "samples 3"]:
        """Positions `o + t d`, each axis contiguous in memory."""
        return torch.addcmul(self.of(rays.origins), self.of(rays.directions), self.t[:, None])

    def of(self, vectors: Float[Tensor, "rays 3"]) -> Float[Tensor, "samples 3"]:
        """The vector of each sample's ray, each axis contiguous in memory: a gather of numbers is faster than one of rows."""
        return vectors.t().contiguous().index_select(1, self.ray).t()

    def subset(self, index: Tensor) -> "Samples":
        """The samples at an index that keeps their order, or where a mask is true."""
        if index.dtype == torch.bool:
            index = index.nonzero().squeeze(1)
        ray, t, spacing = (part.index_select(0, index) for part in (self.ray, self.t, self.spacing))
        return Samples(ray, t, spacing, self.rays)

    def first(self) -> Int[Tensor, " rays"]:
        """Index of the first sample of each ray; of the next ray's for a ray without samples."""
        return torch.searchsorted(self.ray, torch.arange(self.rays, device=self.ray.device))

    def rays_within(self, count: int) -> int:
        """How many rays, from the first on, have at most so many samples together."""
        after = torch.searchsorted(self.ray, torch.arange(self.rays, device=self.ray.device), right=True)
        return int((after <= count).sum())


def intervals(t: Float[Tensor, "rays count"], rays: Rays) -> Samples:
    """Samples that stand for the interval to the next one, as many on every ray; the last interval of a ray is unbounded.

    Args:
        t: positions, ascending.
        rays: lengths are in world units, `t ‖d‖`.
    """
    lengths = torch.cat([t.diff(dim=1), torch.full_like(t[:, :1], UNBOUNDED)], 1)
    lengths = lengths * rays.directions.norm(dim=-1, keepdim=True)
    ray = torch.arange(len(t), device=t.device).repeat_interleave(t.shape[1], output_size=t.numel())
    return Samples(ray, t.flatten(), lengths.flatten(), len(t))


def stratified(
    near: Float[Tensor, " rays"], far: Float[Tensor, " rays"], count: int, *, jitter: bool
) -> Float[Tensor, "rays {count}"]:
    """Stratified positions between near and far: one at random in each of `count` bins, or, without jitter, evenly spaced.

    Random numbers come from the global generator.

    Source: Mildenhall et al. 2020, equation 2 (with bins between the midpoints of even positions, as in their code).
    """
    even = torch.linspace(0, 1, count, device=near.device)
    t = near[:, None] * (1 - even) + far[:, None] * even
    if not jitter:
        return t
    midpoints = (t[:, 1:] + t[:, :-1]) / 2
    lower, upper = torch.cat([t[:, :1], midpoints], 1), torch.cat([midpoints, t[:, -1:]], 1)
    return lower + (upper - lower) * torch.rand_like(t)


def hierarchical(
    t: Float[Tensor, "rays samples"], weights: Float[Tensor, "rays samples"], count: int, *, jitter: bool
) -> Float[Tensor, "rays {count}"]:
    """Positions drawn in proportion to rendering weights, by inverse transform sampling.

    The density is constant between midpoints of `t`; its values are the weights of all but the first and the last sample.
    No gradient flows to the positions.

    Source: Mildenhall et al. 2020, section 5.2.
    """
    edges = (t[:, 1:] + t[:, :-1]) / 2
    mass = weights[:, 1:-1].detach() + 1e-5
    cdf = torch.cat([torch.zeros_like(mass[:, :1]), (mass / mass.sum(1, keepdim=True)).cumsum(1)], 1)
    if jitter:
        u = torch.rand(len(t), count, device=t.device)
    else:
        u = torch.linspace(0, 1, count, device=t.device).expand(len(t), count).contiguous()
    above = torch.searchsorted(cdf, u, right=True).clamp_(1, cdf.shape[1] - 1)
    low, high = cdf.gather(1, above - 1), cdf.gather(1, above)
    fraction = (u - low) / torch.where(high - low < 1e-5, torch.ones_like(low), high - low)
    begin, end = edges.gather(1, above - 1), edges.gather(1, above)
    return begin + fraction * (end - begin)


def intersect_box(
    rays: Rays, low: Float[Tensor, "3"], high: Float[Tensor, "3"]
) -> tuple[Float[Tensor, " rays"], Float[Tensor, " rays"]]:
    """t at which rays enter (at least 0) and leave an axis-aligned box; for a ray that misses it, leave < enter.

    Source: Kay & Kajiya 1986, slabs.
    """
    d = torch.where(rays.directions.abs() < 1e-9, torch.full_like(rays.directions, 1e-9), rays.directions)
    one, other = (low - rays.origins) / d, (high - rays.origins) / d
    return torch.minimum(one, other).amax(-1).clamp(min=0), torch.maximum(one, other).amin(-1)


def march(
    rays: Rays,
    enter: Float[Tensor, " rays"],
    leave: Float[Tensor, " rays"],
    step: float,
    *,
    cone: float = 0.0,
    offset: Float[Tensor, " rays"] | None = None,
    spacing: float | None = None,
    occupied: Occupied | None = None,
) -> Samples:
    """Samples along rays, from `enter` up to, but not at, `leave`: every `step`, or farther apart the farther away they are.

    The distance between samples is the larger of `step` and `cone` times the distance from the origin, so that with a cone they are
    as dense as pixels far away, and a scene without bounds takes few of them.

    Args:
        rays: `(rays, 3)`.
        enter, leave: range of t; a ray with leave <= enter has no samples.
        step: length in world units.
        cone: growth of the distance between samples with the distance from the origin; 0 for none.
        offset: of the first sample, in steps; 0 by default.
        spacing: what a sample with a distance of `step` stands for, in the field's unit of length; by default `step`.
        occupied: samples where this is false are left out.

    Source: cones: Müller et al. 2022, appendix E.1.

    Example:
        >>> import torch
        >>> from darkroom.radiance.cameras import Rays
        >>> down = torch.tensor([[0.0, 0.0, -1.0]])
        >>> rays = Rays(torch.tensor([[0.0, 0.0, 3.0]]), down, down)
        >>> enter, leave = intersect_box(rays, -torch.ones(3), torch.ones(3))
        >>> march(rays, enter, leave, step=0.5, occupied=lambda points: points[:, 2] <= 0).t.tolist()
        [3.0, 3.5]
        >>> march(rays, enter, 20 + leave, step=0.5, cone=0.5).t.tolist()
        [2.0, 3.0, 4.5, 6.75, 10.125, 15.1875, 22.78125]
    """
    path = cone_of(rays, enter, leave, step, cone, offset)
    count = path.even
    if cone:
        count = count + ((leave / path.turn).clamp(min=1).log() / math.log1p(cone)).floor() + 1
    count = torch.where(path.begin < leave, count, torch.zeros_like(count)).long()
    ray = torch.arange(len(count), device=count.device).repeat_interleave(count)
    first = count.cumsum(0) - count
    number = torch.arange(len(ray), device=count.device) - first.index_select(0, ray)
    steps = path.steps.index_select(0, ray)
    t = path.begin.index_select(0, ray) + number * steps
    lengths = torch.full_like(t, step if spacing is None else spacing)
    if cone:
        beyond = (number - path.even.index_select(0, ray)).clamp(min=0)
        t = torch.where(beyond > 0, path.turn.index_select(0, ray) * (1 + cone) ** beyond, t)
        lengths = lengths * (torch.maximum(steps, cone * t) / steps)
    found = Samples(ray, t, lengths, len(count))
    keep = t < leave.index_select(0, ray)
    if occupied is not None:
        keep &= occupied(found.points(rays))
    return found.subset(keep.nonzero().squeeze(1))


class Cone(NamedTuple):
    """Where the samples of rays are: `begin + n steps` for n up to `even`, and `turn (1 + cone)^(n - even)` beyond.

    Args:
        begin: t of the first sample.
        steps: distance in t of those that follow.
        even: number of samples at this distance; beyond, a cone's are farther apart.
        turn: t of the first of the others.
    """

    begin: Float[Tensor, " rays"]
    steps: Float[Tensor, " rays"]
    even: Float[Tensor, " rays"]
    turn: Float[Tensor, " rays"]


def cone_of(
    rays: Rays,
    enter: Float[Tensor, " rays"],
    leave: Float[Tensor, " rays"],
    step: float,
    cone: float,
    offset: Float[Tensor, " rays"] | None,
) -> Cone:
    """Where the samples of `march` are; arguments as there."""
    steps = step / rays.directions.norm(dim=-1)
    first = torch.maximum(steps, cone * enter)
    begin = enter if offset is None else enter + offset * first
    until = torch.minimum(leave, steps / cone) if cone else leave
    even = ((until - begin) / steps).ceil().clamp(min=0)
    return Cone(begin, steps, even, begin + even * steps)
