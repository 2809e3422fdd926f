"""Volume rendering against closed forms, and sampling against the densities it draws from."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from darkroom.radiance.cameras import Rays
from darkroom.radiance.rendering import (
    Samples,
    hierarchical,
    pieces,
    render,
    steps_in_box,
    stratified,
    through_box,
    weights_of,
)


class Fog:
    """The same density and colour everywhere in a slab of z."""

    def __init__(self, density: float, colour: tuple[float, float, float], slab: tuple[float, float] = (-9.0, 9.0)) -> None:
        self.sigma, self.rgb, self.slab = density, torch.tensor(colour), slab
        self.asked = 0

    def density(self, points):
        inside = (points[:, 2] >= self.slab[0]) & (points[:, 2] < self.slab[1])
        return self.sigma * inside.float(), points

    def colour(self, known, viewing):
        self.asked += len(known)
        return self.rgb.expand(len(known), 3)


def downwards(count: int = 1, length: float = 1.0) -> Rays:
    directions = torch.tensor([0.0, 0, -length]).expand(count, 3)
    return Rays(torch.zeros(count, 3), directions, directions / length)


@given(st.floats(0.1, 4.0), st.floats(0.5, 3.0))
def test_fog_holds_back_light_as_beer_and_lambert_say(sigma: float, length: float):
    """Opacity of a slab of thickness l is 1 - exp(-sigma l), whatever the ray's unit."""
    rays = downwards(length=length)
    t = torch.linspace(0, 6 / length, 3001)[None]
    fog = Fog(sigma, (0.2, 0.5, 1.0), (-3.0, -1.0))
    answer = render(fog, rays, pieces(t, rays), background=0.0)
    opacity = 1 - math.exp(-2 * sigma)
    assert float(answer.opacity) == pytest.approx(opacity, abs=5e-3)
    torch.testing.assert_close(answer.colour[0], opacity * fog.rgb, atol=5e-3, rtol=0)


def test_expected_depth_of_fog():
    """Mean of t under sigma exp(-sigma t) is 1/sigma."""
    rays = downwards()
    t = torch.linspace(0, 20, 20001)[None]
    answer = render(Fog(2.0, (1.0, 1.0, 1.0), (-20.0, 0.1)), rays, pieces(t, rays))
    assert float(answer.depth) == pytest.approx(0.5, abs=2e-3)


@pytest.mark.parametrize("background", [0.0, 1.0, 0.25])
def test_nothing_is_the_background(background: float):
    rays = downwards(3)
    answer = render(Fog(0.0, (0.3, 0.3, 0.3)), rays, pieces(torch.linspace(0, 1, 5).expand(3, 5), rays), background)
    torch.testing.assert_close(answer.colour, torch.full((3, 3), background))
    assert float(answer.depth.abs().sum()) == 0


@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 99))
def test_weights_and_what_gets_through_make_one(rays: int, samples: int, seed: int):
    thickness = torch.rand(rays, samples, generator=torch.Generator().manual_seed(seed)).double() * 5
    weights = weights_of(thickness)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(1), 1 - torch.exp(-thickness.sum(1)))


def test_gradients_of_weights_are_those_of_numerical_differences():
    thickness = torch.rand(2, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(weights_of, thickness)


def test_samples_that_are_not_there_and_those_that_weigh_nothing_are_not_asked():
    rays = downwards(2)
    t = torch.linspace(0, 5, 11).expand(2, 11)
    inside = torch.zeros(2, 11, dtype=torch.bool)
    inside[0, 2:5] = True
    fog = Fog(1.0, (1.0, 0.0, 0.0))
    answer = render(fog, rays, Samples(t, torch.ones_like(t), inside), 0.0)
    assert fog.asked == 3
    assert float(answer.opacity[0]) == pytest.approx(1 - math.exp(-3))
    assert float(answer.opacity[1]) == 0
    fog.asked = 0
    render(fog, rays, Samples(t, torch.ones_like(t) * 5, None), 0.0, least=1e-3)
    assert fog.asked == 4  # of each ray the first (0.993) and the second (0.007)


def test_stratified_samples_lie_in_their_pieces():
    near, far = torch.tensor([2.0, 0.0]), torch.tensor([6.0, 1.0])
    even = stratified(near, far, 5, jitter=False)
    torch.testing.assert_close(even[0], torch.tensor([2.0, 3, 4, 5, 6]))
    drawn = torch.stack([stratified(near, far, 5, jitter=True)[0] for _ in range(400)])
    edges = torch.tensor([2.0, 2.5, 3.5, 4.5, 5.5, 6.0])
    assert (drawn >= edges[:-1]).all()
    assert (drawn <= edges[1:]).all()
    torch.testing.assert_close(drawn.mean(0), (edges[1:] + edges[:-1]) / 2, atol=0.06, rtol=0)


def test_hierarchical_samples_follow_the_weights():
    """Histogram of many draws against the piecewise constant density itself."""
    t = torch.linspace(0, 10, 11)[None]
    weights = torch.tensor([[9.0, 0, 0, 1, 3, 0, 0, 2, 0, 0, 9]])  # the first and the last do not count
    drawn = hierarchical(t, weights, 60_000, jitter=True)[0]
    share = torch.histc(drawn, 9, 0.5, 9.5) / len(drawn)
    torch.testing.assert_close(share, weights[0, 1:-1] / 6, atol=0.01, rtol=0)
    still = hierarchical(t, weights, 7, jitter=False)
    assert torch.equal(still, hierarchical(t, weights, 7, jitter=False))
    assert (still.diff(dim=1) >= 0).all()
    assert not still.requires_grad


def test_a_box_is_entered_and_left_where_geometry_says():
    rays = Rays(
        torch.tensor([[0.0, 0, 5], [0.0, 0, 0], [3.0, 0, 5]]),
        torch.tensor([[0.0, 0, -2], [0.0, 0, -2], [0.0, 0, -2]]),
        torch.zeros(3, 3),
    )
    enter, leave = through_box(rays, -torch.ones(3), torch.ones(3))
    torch.testing.assert_close(enter[:2], torch.tensor([2.0, 0.0]))
    torch.testing.assert_close(leave[:2], torch.tensor([3.0, 0.5]))
    assert leave[2] < enter[2]
    samples = steps_in_box(rays, -torch.ones(3), torch.ones(3), 0.5)
    assert samples.inside.sum(1).tolist() == [4, 2, 0]
    torch.testing.assert_close(samples.t[0, :4], torch.tensor([2.0, 2.25, 2.5, 2.75]))
