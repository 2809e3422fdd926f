"""Samples in buffers of fixed capacity, so that the host never has to know how many there are."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from darkroom.radiance.rendering import preceding_sum
from darkroom.radiance.sampling import Samples


class Buffers(NamedTuple):
    """Packed samples of the first rays, as many as have room.

    Args:
        samples: what is beyond the last one are samples of the last ray that stand for nothing (spacing 0).
        bounds: index of each ray's first sample, and at the end their number, `(rays + 1,)`; a ray without room has none.
        kept: whether a ray's samples had room.
        wanted: number of samples of all rays.
    """

    samples: Samples
    bounds: Int[Tensor, " rays_and_one"]
    kept: Bool[Tensor, " rays"]
    wanted: Int[Tensor, ""]


def bounds_of(last: Int[Tensor, " rays"], capacity: int) -> tuple[Int[Tensor, " rays_and_one"], Bool[Tensor, " rays"]]:
    """`Buffers.bounds` and `Buffers.kept` from the number of samples up to and with each ray.

    Example:
        >>> import torch
        >>> bounds_of(torch.tensor([2, 5, 9]), capacity=6)
        (tensor([0, 2, 5, 5]), tensor([ True,  True, False]))
    """
    kept = last <= capacity
    total = torch.where(kept, last, 0).amax()
    return torch.cat([torch.zeros_like(last[:1]), torch.where(kept, last, total)]), kept


def visible(buffers: Buffers, thickness: Float[Tensor, " samples"], capacity: int, min_transmittance: float) -> Buffers:
    """The samples before their rays are opaque, in smaller buffers; the host does not wait for the device.

    Args:
        buffers: all samples.
        thickness: their optical thickness.
        capacity: of the new buffers.
        min_transmittance: a ray ends where less than this is transmitted.
    """
    samples = buffers.samples
    ahead = preceding_sum(thickness, samples.ray, samples.rays)
    seen = (torch.exp(-ahead) > min_transmittance) & (samples.spacing > 0)
    before = torch.cat([seen.new_zeros(1, dtype=torch.int32), seen.cumsum(0, dtype=torch.int32)])
    last = before.index_select(0, buffers.bounds[1:])
    bounds, kept = bounds_of(last, capacity)
    to = torch.where(
        seen & kept.index_select(0, samples.ray), before[1:] - 1, capacity
    ).long()  # what has no room, behind the end

    def moved(values: Tensor, rest: int | float) -> Tensor:
        return values.new_full((capacity + 1,), rest).scatter_(0, to, values)[:capacity]

    found = Samples(moved(samples.ray, samples.rays - 1), moved(samples.t, 0.0), moved(samples.spacing, 0.0), samples.rays)
    return Buffers(found, bounds, kept & buffers.kept, last[-1])
