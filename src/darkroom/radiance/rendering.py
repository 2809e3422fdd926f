"""Volume rendering of any radiance field at packed samples."""

import math
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from darkroom.radiance.cameras import Rays
from darkroom.radiance.sampling import Samples

OPAQUE = 110.0
"""Optical thickness beyond which nothing is transmitted: exp(-110) is 0 in float32."""

FIRST_ROUND = 16
"""Samples of a ray that are evaluated before it is known how many more it needs; every round takes as many as all before."""

Background = float | Float[Tensor, "rays 3"]
"""Colour behind the scene: 1 for white, 0 for black, or one colour for each ray."""


@runtime_checkable
class Field(Protocol):
    """A radiance field, evaluated in two steps so that colours are computed only for samples that contribute."""

    def density(self, points: Float[Tensor, "points 3"]) -> tuple[Float[Tensor, " points"], Tensor]:
        """Density (at least 0, per unit of `Samples.spacing`), and features of each point that `colour` takes."""

    def colour(self, features: Tensor, viewing: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Colour in [0, 1] from the features of `density` and unit viewing directions."""


class Rendering(NamedTuple):
    """Volume rendering of a batch of rays.

    Args:
        colour: over the background.
        opacity: 1 - T_end.
        depth: sum of weights times t: the expected t, times the opacity.
        weights: of every sample.
        visible: index of the samples whose colour was computed.
        colours: of those.
        samples: that were evaluated: the given ones, or those before their rays are opaque.
    """

    colour: Float[Tensor, "rays 3"]
    opacity: Float[Tensor, " rays"]
    depth: Float[Tensor, " rays"]
    weights: Float[Tensor, " samples"]
    visible: Int[Tensor, " visible"]
    colours: Float[Tensor, "visible 3"]
    samples: Samples


def render(
    field: Field,
    rays: Rays,
    samples: Samples,
    background: Background = 1.0,
    *,
    min_weight: float = 0.0,
    min_transmittance: float = 0.0,
    bounds: Int[Tensor, " rays_and_one"] | None = None,
) -> Rendering:
    """Volume rendering:

        C = sum_i w_i c_i + (1 - sum_i w_i) background
        w_i = T_i (1 - exp(-sigma_i delta_i)),   T_i = exp(-sum_{j<i} sigma_j delta_j).

    Args:
        field: density and colour.
        rays: `(rays, 3)`.
        samples: positions and lengths delta; a ray without samples shows the background.
        background: 1 for white, 0 for black, or a colour for each ray.
        min_weight: colours are computed only for samples with a larger weight; the others count as black.
        min_transmittance: a ray ends where less than this is transmitted; in training, no gradient is computed beyond.
        bounds: index of each ray's first sample and at the end their number, where samples lie in buffers of fixed capacity
            (`radiance.buffers`); then all colours are computed, and a Triton kernel composites them.

    Source: Max 1995; Mildenhall et al. 2020, equation 3; packed samples as in nerfacc (Li et al. 2023).

    Example:
        >>> import torch
        >>> class RedFog:
        ...     def density(self, points):
        ...         return torch.ones(len(points)), points
        ...     def colour(self, features, viewing):
        ...         return torch.tensor([1.0, 0.0, 0.0]).expand(len(features), 3)
        >>> down = torch.tensor([[0.0, 0.0, -1.0]])
        >>> rays = Rays(torch.zeros(1, 3), down, down)
        >>> samples = Samples(torch.zeros(4, dtype=torch.long), torch.arange(4.0), torch.ones(4), rays=1)
        >>> round(render(RedFog(), rays, samples, background=0.0).opacity.item(), 4)  # 4 units of density 1: 1 - exp(-4)
        0.9817
    """
    if min_transmittance > 0:
        with torch.no_grad():
            samples, density, features = _until_opaque(field, rays, samples, min_transmittance)
    if min_transmittance == 0 or torch.is_grad_enabled():
        density, features = field.density(samples.points(rays))
    thickness = density.to(samples.spacing.dtype) * samples.spacing
    visible, seen = torch.arange(len(samples.ray), device=samples.ray.device), samples
    if bounds is not None:
        from darkroom.radiance.triton_compositing import Composite

        colours = field.colour(features, samples.of(rays.viewing)).to(thickness.dtype)
        colour, opacity, depth, weights = Composite.apply(thickness, colours, samples.t, bounds)
    else:
        weights = contributing = rendering_weights(thickness, samples.ray, samples.rays)
        if min_weight > 0:
            visible = (weights.detach() > min_weight).nonzero().squeeze(1)
            seen = samples.subset(visible)
            features, contributing = features.index_select(0, visible), weights.index_select(0, visible)
        colours = field.colour(features, seen.of(rays.viewing)).to(weights.dtype)
        colour = _sum(contributing[:, None] * colours, seen.ray, samples.rays)
        opacity, depth = (_sum(part, samples.ray, samples.rays) for part in (weights, weights * samples.t))
    colour = colour + (1 - opacity)[:, None] * background
    return Rendering(colour, opacity, depth, weights, visible, colours, samples)


def _until_opaque(field: Field, rays: Rays, samples: Samples, min_transmittance: float) -> tuple[Samples, Tensor, Tensor]:
    """The samples of each ray up to where hardly anything is transmitted, with their densities and features.

    Densities are evaluated from front to back, in rounds of 16, 16, 32, 64, ... samples of every ray that goes on.

    Source: early ray termination, Levoy 1990; Müller et al. 2022, appendix E.
    """
    rank = torch.arange(len(samples.ray), device=samples.ray.device) - samples.first().index_select(0, samples.ray)
    thickness = torch.zeros(samples.rays, device=rank.device)
    rounds = []
    begin, end, longest = 0, FIRST_ROUND, int(rank.max()) + 1 if len(rank) else 0
    while begin < max(1, longest):
        goes_on = thickness < -math.log(min_transmittance)
        index = ((rank >= begin) & (rank < end) & goes_on.index_select(0, samples.ray)).nonzero().squeeze(1)
        part = samples.subset(index)
        density, features = field.density(part.points(rays))
        thickness.index_add_(0, part.ray, density.to(thickness.dtype) * part.spacing)
        rounds.append((index, density, features))
        begin, end = end, 2 * end
    index, density, features = (torch.cat(parts) for parts in zip(*rounds, strict=True))
    reached = torch.zeros_like(samples.ray, dtype=torch.bool).index_fill_(0, index, True).nonzero().squeeze(1)
    place = torch.empty_like(rank).index_copy_(0, index, torch.arange(len(index), device=index.device)).index_select(0, reached)
    return samples.subset(reached), density.index_select(0, place), features.index_select(0, place)


def rendering_weights(
    thickness: Float[Tensor, " samples"], ray: Int[Tensor, " samples"], rays: int
) -> Float[Tensor, " samples"]:
    """Weights `T_i (1 - exp(-x_i))` of packed samples from optical thickness `x_i = sigma_i delta_i`.

    Args:
        thickness: at least 0; more than 110, which is opaque, counts as 110.
        ray: index of each sample's ray, ascending.
        rays: number of rays.
    """
    return torch.exp(-preceding_sum(thickness.clamp(max=OPAQUE), ray, rays)) * -torch.expm1(-thickness)


def preceding_sum(values: Tensor, ray: Tensor, rays: int) -> Tensor:
    """Exclusive cumulative sum within each ray: one over all rays in float64, less its value at the ray's first sample."""
    total = values.double()
    total = total.cumsum(0) - total
    first = torch.searchsorted(ray, torch.arange(rays, device=ray.device))
    return (total - total[first[ray]]).to(values.dtype)


def _sum(values: Tensor, ray: Tensor, rays: int) -> Tensor:
    """Sum over the samples of each ray."""
    return values.new_zeros(rays, *values.shape[1:]).index_add(0, ray, values)
