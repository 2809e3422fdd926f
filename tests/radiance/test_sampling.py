"""Positions of samples: stratified and hierarchical sampling against the densities, marching against geometry."""

import hypothesis.strategies as st
import torch
from hypothesis import given

from darkroom.radiance.cameras import Rays
from darkroom.radiance.sampling import Samples, hierarchical, intersect_box, intervals, march, stratified


def test_stratified_samples_are_in_their_bins():
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


def test_intervals_are_packed_row_by_row_with_lengths_of_the_world():
    directions = torch.tensor([[0.0, 0, -2], [0.0, 3, -4]])
    samples = intervals(torch.tensor([[1.0, 2.0, 4.0], [0.0, 1.0, 2.0]]), Rays(torch.zeros(2, 3), directions, directions))
    assert samples.ray.tolist() == [0, 0, 0, 1, 1, 1]
    assert samples.t.tolist() == [1.0, 2.0, 4.0, 0.0, 1.0, 2.0]
    torch.testing.assert_close(samples.spacing[[0, 1, 3, 4]], torch.tensor([2.0, 4.0, 5.0, 5.0]))
    assert (samples.spacing[[2, 5]] > 1e9).all()


def three_rays() -> Rays:
    """One enters the box from outside, one starts inside, one misses it."""
    return Rays(
        torch.tensor([[0.0, 0, 5], [0.0, 0, 0], [3.0, 0, 5]]),
        torch.tensor([[0.0, 0, -2], [0.0, 0, -2], [0.0, 0, -2]]),
        torch.zeros(3, 3),
    )


def test_a_box_is_entered_and_left_where_geometry_says():
    enter, leave = intersect_box(three_rays(), -torch.ones(3), torch.ones(3))
    torch.testing.assert_close(enter[:2], torch.tensor([2.0, 0.0]))
    torch.testing.assert_close(leave[:2], torch.tensor([3.0, 0.5]))
    assert leave[2] < enter[2]


def test_marching_takes_equal_steps_in_the_box():
    rays = three_rays()
    samples = march(rays, *intersect_box(rays, -torch.ones(3), torch.ones(3)), 0.5, spacing=7.0)
    assert torch.bincount(samples.ray, minlength=3).tolist() == [4, 2, 0]
    torch.testing.assert_close(samples.t, torch.tensor([2.0, 2.25, 2.5, 2.75, 0.0, 0.25]))
    assert set(samples.spacing.tolist()) == {7.0}
    torch.testing.assert_close(samples.points(rays)[0], torch.tensor([0.0, 0, 1.0]))
    missed = march(rays.subset(slice(2, 3)), torch.ones(1), torch.zeros(1), 0.5)
    assert len(missed.t) == 0 and missed.rays == 1


@given(st.integers(0, 99), st.floats(0.01, 0.7))
def test_marching_finds_the_occupied_points_of_a_rectangle(seed: int, step: float):
    """The same positions as a rectangle of all rays and steps, with those left out that are not in the box or not occupied."""
    random = torch.Generator().manual_seed(seed)
    directions = torch.randn(9, 3, generator=random)
    rays = Rays(2 * torch.randn(9, 3, generator=random), directions, directions)
    enter, leave = intersect_box(rays, -torch.ones(3), torch.ones(3))

    def occupied(points):
        return (3 * points).sin().sum(1) > 0

    samples = march(rays, enter, leave, step, occupied=occupied)
    length = directions.norm(dim=1)
    t = enter[:, None] + torch.arange(int(4 / step)) * (step / length)[:, None]
    points = rays.origins[:, None] + t[..., None] * directions[:, None]
    keep = (t < leave[:, None]) & occupied(points.view(-1, 3)).view(t.shape)
    margin = ((t - leave[:, None]).abs() < 1e-5) | ((3 * points).sin().sum(-1).abs() < 1e-4)  # where rounding decides
    if not margin.any():
        torch.testing.assert_close(samples.t, t[keep])
        assert torch.equal(samples.ray, keep.nonzero()[:, 0])
        assert set(samples.spacing.tolist()) <= {torch.tensor(step).item()}


def test_a_subset_keeps_the_number_of_rays():
    samples = Samples(torch.tensor([0, 0, 1]), torch.arange(3.0), torch.ones(3), 4)
    some = samples.subset(torch.tensor([True, False, True]))
    assert (some.ray.tolist(), some.t.tolist(), some.rays) == ([0, 1], [0.0, 2.0], 4)
