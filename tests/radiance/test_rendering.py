"""Volume rendering of packed samples against closed forms, and against a rectangle of rays and samples."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torch import Tensor

from darkroom.radiance.cameras import Rays
from darkroom.radiance.rendering import render, rendering_weights
from darkroom.radiance.sampling import Samples, intervals


class Fog:
    """Constant density and colour in a slab of z."""

    def __init__(self, density: float, colour: tuple[float, float, float], slab: tuple[float, float] = (-9.0, 9.0)) -> None:
        self.sigma, self.rgb, self.slab = density, torch.tensor(colour), slab
        self.evaluated = 0

    def density(self, points):
        inside = (points[:, 2] >= self.slab[0]) & (points[:, 2] < self.slab[1])
        return self.sigma * inside.float(), points

    def colour(self, features, viewing):
        self.evaluated += len(features)
        return self.rgb.expand(len(features), 3)


class Waves:
    """Smooth density and colour that depend on the position, and on the direction."""

    def density(self, points):
        return (points * torch.tensor([3.0, 2.0, 1.0])).sin().sum(1).square(), points

    def colour(self, features, viewing):
        return torch.sigmoid(features + viewing)


def downwards(count: int = 1, length: float = 1.0) -> Rays:
    directions = torch.tensor([0.0, 0, -length]).expand(count, 3)
    return Rays(torch.zeros(count, 3), directions, directions / length)


def random_rays(count: int, random: torch.Generator) -> Rays:
    directions = torch.randn(count, 3, generator=random)
    return Rays(torch.randn(count, 3, generator=random), directions, torch.nn.functional.normalize(directions, dim=1))


def random_samples(counts: Tensor, random: torch.Generator) -> Samples:
    ray = torch.arange(len(counts)).repeat_interleave(counts)
    t = torch.rand(len(ray), generator=random) + torch.cat([torch.arange(int(n)) for n in counts] or [torch.zeros(0)])
    return Samples(ray, t, torch.rand(len(ray), generator=random), len(counts))


def rectangle(field, rays: Rays, samples: Samples, background: float) -> tuple[Tensor, Tensor, Tensor]:
    """Colour, opacity and depth with padded rows and a cumulative product, as in the NeRF paper's code."""
    counts = torch.bincount(samples.ray, minlength=samples.rays)
    alpha, colour, t = (torch.zeros(samples.rays, int(counts.max()), n).squeeze(-1) for n in (1, 3, 1))
    for ray in range(samples.rays):
        mine = samples.ray == ray
        points = rays.origins[ray] + samples.t[mine, None] * rays.directions[ray]
        density, features = field.density(points)
        row = (ray, slice(len(points)))
        alpha[row] = 1 - torch.exp(-density * samples.spacing[mine])
        colour[row] = field.colour(features, rays.viewing[ray].expand(len(points), 3))
        t[row] = samples.t[mine]
    transmittance = torch.cat([torch.ones(samples.rays, 1), torch.cumprod(1 - alpha, 1)[:, :-1]], 1)
    weights = alpha * transmittance
    opacity = weights.sum(1)
    return (weights[..., None] * colour).sum(1) + (1 - opacity[:, None]) * background, opacity, (weights * t).sum(1)


@given(st.lists(st.integers(0, 7), min_size=1, max_size=6), st.integers(0, 99))
def test_packed_samples_render_as_a_rectangle_does(counts: list[int], seed: int):
    random = torch.Generator().manual_seed(seed)
    counts[0] = max(counts[0], 1)
    rays, samples = random_rays(len(counts), random), random_samples(torch.tensor(counts), random)
    packed = render(Waves(), rays, samples, 0.25)
    for mine, reference in zip(packed[:3], rectangle(Waves(), rays, samples, 0.25), strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-5, rtol=1e-5)


def test_gradients_of_packed_samples_are_those_of_a_rectangle():
    random = torch.Generator().manual_seed(0)
    rays, samples = random_rays(4, random), random_samples(torch.tensor([5, 0, 3, 8]), random)
    field = Waves()
    scale = torch.ones(3, requires_grad=True)
    density, colour = field.density, field.colour
    field.density = lambda points: (density(points)[0] * scale.sum(), points)
    field.colour = lambda features, viewing: colour(features * scale, viewing)
    gradients = []
    for rendered in (render(field, rays, samples, 0.5)[:3], rectangle(field, rays, samples, 0.5)):
        loss = sum((part * torch.arange(1.0, 1 + part.numel()).view_as(part)).sum() for part in rendered)
        gradients.append(torch.autograd.grad(loss, scale)[0])
    torch.testing.assert_close(*gradients)


@given(st.floats(0.1, 4.0), st.floats(0.5, 3.0))
def test_fog_attenuates_as_beer_and_lambert_say(sigma: float, length: float):
    """Opacity of a slab of thickness l is 1 - exp(-sigma l), for any length of the ray's direction."""
    rays = downwards(length=length)
    t = torch.linspace(0, 6 / length, 3001)[None]
    fog = Fog(sigma, (0.2, 0.5, 1.0), (-3.0, -1.0))
    found = render(fog, rays, intervals(t, rays), background=0.0)
    opacity = 1 - math.exp(-2 * sigma)
    assert float(found.opacity) == pytest.approx(opacity, abs=5e-3)
    torch.testing.assert_close(found.colour[0], opacity * fog.rgb, atol=5e-3, rtol=0)


def test_expected_depth_of_fog():
    """Mean of t under sigma exp(-sigma t) is 1/sigma."""
    rays = downwards()
    t = torch.linspace(0, 20, 20001)[None]
    found = render(Fog(2.0, (1.0, 1.0, 1.0), (-20.0, 0.1)), rays, intervals(t, rays))
    assert float(found.depth) == pytest.approx(0.5, abs=2e-3)


def test_rays_of_different_lengths_through_fog_in_closed_form():
    """n samples of thickness x: opacity 1 - exp(-n x); the weight of sample k is exp(-k x) (1 - exp(-x))."""
    counts = torch.tensor([3, 0, 7, 1])
    ray = torch.arange(4).repeat_interleave(counts)
    number = torch.cat([torch.arange(float(n)) for n in counts])
    found = render(Fog(0.8, (1.0, 0.0, 0.0)), downwards(4), Samples(ray, number, torch.full_like(number, 0.5), 4), 1.0)
    torch.testing.assert_close(found.opacity, 1 - torch.exp(-0.4 * counts))
    torch.testing.assert_close(found.weights, torch.exp(-0.4 * number) * (1 - math.exp(-0.4)))
    torch.testing.assert_close(found.colour[:, 1], torch.exp(-0.4 * counts))  # white through red fog


@pytest.mark.parametrize("background", [0.0, 1.0, 0.25])
def test_without_density_or_samples_the_background_is_seen(background: float):
    rays = downwards(3)
    empty = Samples(torch.zeros(0, dtype=torch.long), torch.zeros(0), torch.zeros(0), 3)
    for samples in (intervals(torch.linspace(0, 1, 5).expand(3, 5), rays), empty):
        found = render(Fog(0.0, (0.3, 0.3, 0.3)), rays, samples, background, min_weight=1e-4)
        torch.testing.assert_close(found.colour, torch.full((3, 3), background))
        assert float(found.depth.abs().sum()) == 0


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(0, 99))
def test_weights_and_transmittance_sum_to_one(counts: list[int], seed: int):
    ray = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    thickness = torch.rand(len(ray), generator=torch.Generator().manual_seed(seed)).double() * 5
    weights = rendering_weights(thickness, ray, len(counts))
    assert (weights >= 0).all()
    total, opacity = (torch.zeros(len(counts)).double().index_add(0, ray, x) for x in (thickness, weights))
    torch.testing.assert_close(opacity, 1 - torch.exp(-total))


def test_gradients_of_weights_are_those_of_numerical_differences():
    ray = torch.tensor([0, 0, 0, 2, 2, 3])
    thickness = torch.rand(6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rendering_weights(x, ray, 4), thickness)


def test_opaque_rays_do_not_cost_others_their_precision():
    """Sums run over all rays: 100,000 samples of thickness 10^10 before one ray of thickness 2 · 10^-6."""
    ray = torch.cat([torch.arange(50_000).repeat_interleave(2), torch.tensor([50_000] * 2)])
    thickness = torch.cat([torch.full((100_000,), 1e10), torch.tensor([1e-6, 1e-6])])
    weights = rendering_weights(thickness, ray, 50_001)
    torch.testing.assert_close(weights[-2:], torch.tensor([1e-6, 1e-6]), atol=0, rtol=1e-5)
    assert torch.equal(weights[:4], torch.tensor([1.0, 0, 1.0, 0]))


def test_rendering_is_repeatable_bit_for_bit_with_several_threads():
    random = torch.Generator().manual_seed(0)
    counts = torch.randint(0, 60, (2000,), generator=random)
    rays, samples = random_rays(2000, random), random_samples(counts, random)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        once, again = (render(Waves(), rays, samples, 0.5, min_weight=1e-3) for _ in "ab")
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(once[:-1], again[:-1], strict=True))  # all but the samples


def test_colours_are_computed_only_for_samples_that_contribute():
    rays = downwards(2)
    samples = Samples(torch.zeros(3, dtype=torch.long), torch.tensor([1.0, 1.5, 2.0]), torch.ones(3), 2)
    fog = Fog(1.0, (1.0, 0.0, 0.0))
    found = render(fog, rays, samples, 0.0)
    assert fog.evaluated == 3
    assert float(found.opacity[0]) == pytest.approx(1 - math.exp(-3))
    assert float(found.opacity[1]) == 0
    fog.evaluated = 0
    t = torch.linspace(0, 5, 11).expand(2, 11)
    samples = intervals(t, rays)._replace(spacing=torch.full((22,), 5.0))
    found = render(fog, rays, samples, 0.0, min_weight=1e-3)
    assert fog.evaluated == 4  # of each ray the first (0.993) and the second (0.007)
    assert found.visible.tolist() == [0, 1, 11, 12]
    assert found.colours.shape == (4, 3)
