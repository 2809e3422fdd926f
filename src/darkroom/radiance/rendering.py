"""Volume rendering: samples along rays, densities and colours from a field that is handed in, composited."""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from darkroom.radiance.cameras import Rays

FAR_AWAY = 1e10
"""Length of a ray's last piece, whose end nobody sees."""

Background = float | Float[Tensor, "rays 3"]
"""What is behind everything: 1 for white, 0 for black, or a colour a ray."""


@runtime_checkable
class Field(Protocol):
    """A density and a colour at every point, in two steps, so that colours are computed only where they count."""

    def density(self, points: Float[Tensor, "points 3"]) -> tuple[Float[Tensor, " points"], Tensor]:
        """Optical density (at least 0, per unit of `Samples.spacing`), and whatever `colour` wants to know of each point."""

    def colour(self, known: Tensor, viewing: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Colour in [0, 1], seen in a direction; `known` is what `density` gave for these points."""


class Samples(NamedTuple):
    """Points along rays.

    Args:
        t: where, in units of the ray's direction, ascending, `(rays, samples)`.
        spacing: length of the piece of ray that each stands for.
        inside: which of them there are at all, or None for all.
    """

    t: Float[Tensor, "rays samples"]
    spacing: Float[Tensor, "rays samples"]
    inside: Bool[Tensor, "rays samples"] | None = None

    def points(self, rays: Rays) -> tuple[Int[Tensor, " points"], Int[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Of the samples that are there: their numbers, row by row, the ray of each, and where it lies."""
        if self.inside is None:
            there = torch.arange(self.t.numel(), device=self.t.device)
        else:
            there = self.inside.flatten().nonzero().squeeze(1)
        ray = there // self.t.shape[1]
        return there, ray, torch.addcmul(rays.origins[ray], rays.directions[ray], self.t.flatten()[there, None])


class Rendering(NamedTuple):
    """What is seen along rays.

    Args:
        colour: with the background behind it.
        opacity: 1 where nothing of the background is left.
        depth: expected t, of what is there alone: 0 where the opacity is 0.
        weights: share of every sample in the colour.
        points: colours of the samples that were asked for them.
        which: number of each of those, row by row, in `weights`.
    """

    colour: Float[Tensor, "rays 3"]
    opacity: Float[Tensor, " rays"]
    depth: Float[Tensor, " rays"]
    weights: Float[Tensor, "rays samples"]
    points: Float[Tensor, "asked 3"]
    which: Int[Tensor, " asked"]


def render(field: Field, rays: Rays, samples: Samples, background: Background = 1.0, *, least: float = 0.0) -> Rendering:
    """Composite a field along rays:

        C = sum_i T_i (1 - exp(-sigma_i delta_i)) c_i + T_end background,   T_i = exp(-sum_{j<i} sigma_j delta_j).

    Args:
        field: density and colour.
        rays: `(rays, 3)`.
        samples: where the field is asked.
        background: 1 for white, 0 for black, or a colour a ray.
        least: samples with a smaller weight are not asked for their colour.

    Source: Max 1995; Mildenhall et al. 2020, equation 3.
    """
    there, ray, points = samples.points(rays)
    density, known = field.density(points)
    thickness = samples.t.new_zeros(samples.t.numel()).index_put((there,), density.to(samples.t.dtype)).view_as(samples.t)
    weights = weights_of(thickness * samples.spacing)
    if least > 0:
        asked = (weights.detach().flatten()[there] > least).nonzero().squeeze(1)
        there, ray, known = there[asked], ray[asked], known[asked]
    points_colour = field.colour(known, rays.viewing[ray]).to(weights.dtype)
    part = weights.flatten()[there, None] * points_colour
    colour = torch.zeros_like(rays.origins).index_add(0, ray, part)
    opacity = weights.sum(1)
    behind = (1 - opacity)[:, None] * background
    return Rendering(colour + behind, opacity, (weights * samples.t).sum(1), weights, points_colour, there)


def weights_of(thickness: Float[Tensor, "rays samples"]) -> Float[Tensor, "rays samples"]:
    """Share of every sample in a ray's colour, from optical thickness sigma delta: what reaches it times what it holds back."""
    before = torch.cat([torch.zeros_like(thickness[:, :1]), thickness[:, :-1].cumsum(1)], 1)
    return torch.exp(-before) * -torch.expm1(-thickness)


def stratified(
    near: Float[Tensor, " rays"], far: Float[Tensor, " rays"], count: int, *, jitter: bool
) -> Float[Tensor, "rays {count}"]:
    """Distances between near and far: a random one in each of `count` equal pieces, or, without jitter, evenly from near to far.

    Random numbers come from the global generator.

    Source: Mildenhall et al. 2020, equation 2 (their code puts pieces between the middles of even distances, as here).
    """
    even = torch.linspace(0, 1, count, device=near.device)
    t = near[:, None] * (1 - even) + far[:, None] * even
    if not jitter:
        return t
    middles = (t[:, 1:] + t[:, :-1]) / 2
    lower, upper = torch.cat([t[:, :1], middles], 1), torch.cat([middles, t[:, -1:]], 1)
    return lower + (upper - lower) * torch.rand_like(t)


def hierarchical(
    t: Float[Tensor, "rays samples"], weights: Float[Tensor, "rays samples"], count: int, *, jitter: bool
) -> Float[Tensor, "rays {count}"]:
    """Distances drawn where the colour came from: inverse transform sampling of the density that is constant between middles of `t`.

    Its values are the weights of all but the first and the last sample. No gradient flows through the places.

    Source: Mildenhall et al. 2020, section 5.2.
    """
    edges = (t[:, 1:] + t[:, :-1]) / 2
    mass = weights[:, 1:-1].detach() + 1e-5
    reached = torch.cat([torch.zeros_like(mass[:, :1]), (mass / mass.sum(1, keepdim=True)).cumsum(1)], 1)
    if jitter:
        u = torch.rand(len(t), count, device=t.device)
    else:
        u = torch.linspace(0, 1, count, device=t.device).expand(len(t), count).contiguous()
    above = torch.searchsorted(reached, u, right=True).clamp_(1, reached.shape[1] - 1)
    low, high = reached.gather(1, above - 1), reached.gather(1, above)
    share = (u - low) / torch.where(high - low < 1e-5, torch.ones_like(low), high - low)
    begin, end = edges.gather(1, above - 1), edges.gather(1, above)
    return begin + share * (end - begin)


def pieces(t: Float[Tensor, "rays samples"], rays: Rays) -> Samples:
    """Samples that stand for the way to the next one; the last for all that is beyond. Lengths are those of the world."""
    lengths = torch.cat([t.diff(dim=1), torch.full_like(t[:, :1], FAR_AWAY)], 1)
    return Samples(t, lengths * rays.directions.norm(dim=-1, keepdim=True))


def through_box(
    rays: Rays, low: Float[Tensor, "3"], high: Float[Tensor, "3"]
) -> tuple[Float[Tensor, " rays"], Float[Tensor, " rays"]]:
    """Where rays enter and leave a box (t, at least 0); a ray that misses it leaves before it enters.

    Source: Kay & Kajiya 1986, slabs.
    """
    d = torch.where(rays.directions.abs() < 1e-9, torch.full_like(rays.directions, 1e-9), rays.directions)
    one, other = (low - rays.origins) / d, (high - rays.origins) / d
    return torch.minimum(one, other).amax(-1).clamp(min=0), torch.maximum(one, other).amin(-1)


def steps_in_box(
    rays: Rays,
    low: Float[Tensor, "3"],
    high: Float[Tensor, "3"],
    step: float,
    *,
    spacing: float = 1.0,
    near: Float[Tensor, " rays"] | None = None,
    far: Float[Tensor, " rays"] | None = None,
) -> Samples:
    """Points every `step` (a length of the world) along rays, from where they enter a box until they leave it.

    Each stands for `spacing`, whatever unit a field counts its density in. Nothing is asked before near and beyond far.
    """
    enter, leave = through_box(rays, low, high)
    enter = enter if near is None else torch.maximum(enter, near)
    leave = leave if far is None else torch.minimum(leave, far)
    length = rays.directions.norm(dim=-1)
    longest = float(((leave - enter) * length).max()) if len(enter) else 0.0
    count = max(1, int(longest / step) + 1)
    t = enter[:, None] + torch.arange(count, device=enter.device) * (step / length)[:, None]
    return Samples(t, torch.full_like(t, spacing), t < leave[:, None])
