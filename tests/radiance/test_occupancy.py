"""Occupancy grids against max pooling, running maxima and geometry; and a number of rays that follows their cost."""

import copy

import pytest
import torch

from darkroom.radiance.cameras import Rays
from darkroom.radiance.occupancy import OccupancyGrid, grid_points
from darkroom.radiance.ray_budget import GRANULARITY, INTERVAL, RayBudget
from darkroom.radiance.rays import RayBatch
from tests import elsewhere


def grid(side: int = 21) -> OccupancyGrid:
    return OccupancyGrid(-torch.ones(3), torch.ones(3), (side, side, side))


def test_everything_is_occupied_at_first_and_points_outside_belong_to_the_nearest_cell():
    occupancy = OccupancyGrid(torch.zeros(3), torch.tensor([1.0, 2.0, 3.0]), (2, 3, 4))
    assert occupancy.fraction() == 1
    occupancy.mask = torch.zeros(2, 3, 4, dtype=torch.bool)
    occupancy.mask[1, 2, 3] = True
    inside, outside, other = torch.tensor([0.6, 1.6, 2.6]), torch.tensor([9.0, 9.0, 9.0]), torch.tensor([0.4, 1.6, 2.6])
    assert occupancy.occupied(torch.stack([inside, outside, other])).tolist() == [True, True, False]
    torch.testing.assert_close(occupancy.centres()[-1], torch.tensor([1.0, 2.0, 3.0]))


def test_cells_are_found_by_their_own_centres():
    occupancy = OccupancyGrid(-torch.ones(3), torch.tensor([1.0, 2.0, 0.5]), (5, 7, 4))
    occupancy.mask = torch.rand(5, 7, 4, generator=torch.Generator().manual_seed(0)) < 0.5
    assert torch.equal(occupancy.occupied(occupancy.centres()), occupancy.mask.flatten())


def test_narrowing_keeps_neighbours_and_never_widens():
    occupancy = grid()
    opacity = torch.zeros(21, 21, 21)
    opacity[10, 10, 10] = 0.5
    occupancy.narrow(opacity, 0.4)
    assert int(occupancy.mask.sum()) == 27
    assert occupancy.mask[9:12, 9:12, 9:12].all()
    occupancy.narrow(torch.ones(21, 21, 21), 0.4)
    assert int(occupancy.mask.sum()) == 27
    occupancy.narrow(torch.ones(41, 41, 41), 0.4)  # takes the size of the opacities
    assert occupancy.mask.shape == (41, 41, 41)
    assert not bool(occupancy.occupied(torch.tensor([[0.2, 0.0, 0.0]])))
    assert bool(occupancy.occupied(torch.tensor([[0.1, 0.1, 0.1]])))
    occupancy.fill()
    assert occupancy.fraction() == 1


def test_a_grid_over_another_box_is_occupied_at_the_same_places():
    occupancy = grid(41)
    occupancy.mask = (occupancy.centres().norm(dim=1) < 0.5).view(occupancy.mask.shape)
    other = occupancy.resampled(torch.tensor([-0.7, -0.6, -0.8]), torch.tensor([0.6, 0.7, 0.7]), (30, 31, 32))
    radius = other.centres().norm(dim=1)
    assert other.mask.flatten()[radius < 0.45].all()
    assert not other.mask.flatten()[radius > 0.55].any()


def test_the_running_maximum_decays_and_is_compared_with_a_threshold():
    occupancy = grid(5)
    values = torch.rand(125, generator=torch.Generator().manual_seed(0))
    reference = torch.zeros(125)
    for scale in (1.0, 0.1, 0.0, 2.0):
        occupancy.update(lambda points, scale=scale: scale * values, threshold=0.3)
        reference = torch.maximum(0.95 * reference, scale * values)
        torch.testing.assert_close(occupancy.density.flatten(), reference)
        assert torch.equal(occupancy.mask.flatten(), reference > min(0.3, float(reference.mean())))


def test_some_cells_are_evaluated_at_random_points_and_all_decay():
    occupancy, evaluated = grid(5), []

    def density(points):
        evaluated.append(points)
        return torch.full((len(points),), 3.0)

    occupancy.update(density, threshold=1.0)
    cells = torch.tensor([3, 3, 77])
    occupancy.update(density, threshold=1.0, cells=cells, decay=0.5)
    expected = torch.full((125,), 1.5)
    expected[cells] = 3.0
    torch.testing.assert_close(occupancy.density.flatten(), expected)
    offset = evaluated[1] - occupancy.centres()[cells]
    assert (offset.abs() <= 0.25 + 1e-6).all()  # half a cell
    assert not torch.equal(offset[0], offset[1])


def test_space_becomes_occupied_again_when_a_field_does():
    occupancy = grid()
    for centre in (-0.5, 0.5):
        for _ in range(100):
            occupancy.update(lambda points, x=centre: 9.0 * ((points - x).norm(dim=1) < 0.4), threshold=0.1)
        assert bool(occupancy.occupied(torch.full((1, 3), centre)))
        assert not bool(occupancy.occupied(torch.full((1, 3), -centre)))


def test_a_state_of_any_size_is_loaded_as_it_is():
    one, other = grid(9), grid(4)
    one.update(lambda points: points.norm(dim=1), threshold=0.5)
    other.load_state_dict(one.state_dict())
    assert torch.equal(other.mask, one.mask) and torch.equal(other.density, one.density)
    plain = grid(6)
    other.load_state_dict(plain.state_dict())
    assert other.mask.shape == (6, 6, 6) and other.density.numel() == 0


def test_grid_points_include_the_corners():
    points = grid_points(torch.zeros(3), torch.tensor([1.0, 2.0, 3.0]), (2, 2, 2))
    assert points.tolist() == [[x, y, z] for x in (0.0, 1.0) for y in (0.0, 2.0) for z in (0.0, 3.0)]


def batch(count: int) -> RayBatch:
    colours = torch.arange(3.0 * count).view(count, 3)
    return RayBatch(Rays(colours, colours, colours), colours, colours)


def test_the_number_of_rays_converges_to_the_budget():
    """Rays that take 37 samples each, then 5: 10,000 samples are 270 rays, and then as many as are drawn."""
    budget = RayBudget(samples=10_000)
    assert budget.count(1024) == 1024
    for cost, expected in ((37, 256), (5, 1024), (1000, GRANULARITY)):
        for step in range(4 * INTERVAL):
            used = budget.count(1024)
            budget.update(step, used, 1024, used * cost)
        assert budget.count(1024) == expected


def test_the_number_changes_only_at_intervals_and_is_part_of_the_state():
    budget = RayBudget(samples=1000)
    budget.update(3, 512, 512, 2000)
    assert budget.count(512) == 512
    budget.update(INTERVAL - 1, 512, 512, 2000)
    assert budget.count(512) == 256
    resumed = RayBudget(samples=1000)
    resumed.load_state_dict(copy.deepcopy(budget.state_dict()))
    assert resumed.count(512) == 256


@pytest.mark.parametrize("drawn", [256, 100])
def test_the_first_rays_of_a_batch_are_used(drawn: int):
    budget = RayBudget(samples=1)
    budget.update(INTERVAL - 1, 512, 512, 512)
    some = budget.first(batch(drawn))
    assert len(some.target) == GRANULARITY < drawn
    assert torch.equal(some.rays.origins, batch(drawn).target[:GRANULARITY])


def test_grids_and_budgets_stay_on_their_device():
    """The same cells and numbers on the tests' second device, where mixing devices raises."""

    def updated(device: torch.device) -> tuple[torch.Tensor, int]:
        occupancy = grid(9).to(device)
        occupancy.update(lambda points: points.norm(dim=1) + 9, threshold=0.5)
        occupancy.update(lambda points: 0 * points[:, 0], threshold=0.5, cells=torch.arange(5, device=device), decay=0.5)
        occupancy.narrow(occupancy.centres().norm(dim=1).view(9, 9, 9), 0.9)
        other = occupancy.resampled(occupancy.low, occupancy.high, (7, 8, 9))
        budget = RayBudget(samples=100).to(device)
        budget.update(INTERVAL - 1, 64, 64, 200)
        assert budget.rays.device == occupancy.mask.device == other.mask.device
        return other.mask.cpu(), budget.count(64)

    here = updated(torch.device("cpu"))
    with elsewhere.elsewhere():
        there = updated(elsewhere.DEVICE)
    assert torch.equal(here[0], there[0]) and here[1] == there[1] == 32
