"""Buffers of fixed capacity: which samples they keep, against packed samples that are filtered on the host."""

import pytest
import torch

from darkroom.radiance.buffers import Buffers, bounds_of, visible
from darkroom.radiance.rendering import rendering_weights
from darkroom.radiance.sampling import Samples


def buffers(counts: torch.Tensor, capacity: int) -> Buffers:
    """Samples of rays, padded."""
    bounds, kept = bounds_of(counts.cumsum(0), capacity)
    total, rays = int(bounds[-1]), len(counts)
    ray = torch.full((capacity,), rays - 1)
    ray[:total] = torch.arange(rays).repeat_interleave(counts)[:total]
    t, spacing = torch.zeros(2, capacity)
    t[:total], spacing[:total] = torch.arange(total) / 7, 0.5
    return Buffers(Samples(ray, t, spacing, rays), bounds, kept, counts.sum())


@pytest.mark.parametrize("capacity", [100, 30, 12, 1])
def test_what_is_hidden_is_left_out_and_what_has_no_room(capacity: int):
    counts = torch.tensor([3, 0, 20, 9, 0, 14, 2])
    given = buffers(counts, 60)
    thickness = 4 * torch.rand(60, generator=torch.Generator().manual_seed(0)) * (given.samples.spacing > 0)
    ray = given.samples.ray
    opacity = 1 - torch.exp(-thickness)
    transmitted = rendering_weights(thickness, ray, 7) / opacity.clamp(min=1e-9)
    seen = (transmitted > 1e-2) & (given.samples.spacing > 0)
    last = torch.tensor([int((seen & (ray <= number)).sum()) for number in range(7)])
    expected = given.samples.subset(seen & (last <= capacity)[ray])

    found = visible(given, thickness, capacity, 1e-2)
    total = len(expected.t)
    assert int(found.wanted) == int(last[-1]) < 48
    assert torch.equal(found.kept, last <= capacity)
    for mine, theirs in zip(found.samples[:3], expected[:3], strict=True):
        assert mine.shape == (capacity,)
        assert torch.equal(mine[:total], theirs)
    assert not found.samples.spacing[total:].any()
    assert torch.equal(found.bounds.diff(), torch.bincount(expected.ray, minlength=7).to(found.bounds))


def test_rays_without_room_stay_without():
    """A ray that marching left out is not kept later, although it has no samples."""
    given = buffers(torch.tensor([5, 7, 1]), 6)
    assert given.kept.tolist() == [True, False, False]
    assert visible(given, torch.zeros(6), 6, 1e-4).kept.tolist() == [True, False, False]
