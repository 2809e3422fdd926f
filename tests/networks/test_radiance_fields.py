"""NeRF's shapes and encoding; grids against `grid_sample` and closed forms."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from darkroom.layers.encoding import PositionalEncoding
from darkroom.layers.trilinear import differences, interpolated
from darkroom.networks.nerf import NeRF
from darkroom.networks.voxel_field import VoxelField
from darkroom.radiance.masked_adam import MaskedAdam
from darkroom.radiance.occupancy import OccupancyGrid


def test_the_encoding_has_the_papers_sizes_and_values():
    position, direction = PositionalEncoding(3, 10), PositionalEncoding(3, 4)
    assert (position.features, direction.features) == (63, 27)
    x = torch.tensor([0.3, -0.7, 1.1])
    waves = [wave(2**k * x) for k in range(4) for wave in (torch.sin, torch.cos)]
    torch.testing.assert_close(direction(x), torch.cat([x, *waves]))


def test_nerf_has_as_many_parameters_as_the_papers_code():
    """595,844 for 8 layers of 256 with directions, as in public implementations."""
    assert sum(p.numel() for p in NeRF().parameters()) == 595_844


def test_colour_depends_on_the_direction_and_density_does_not():
    network = NeRF(32, 4, 2).initialise(torch.Generator().manual_seed(0))
    points = torch.randn(5, 3)
    (one, first), (other, second) = (network(points, torch.nn.functional.normalize(torch.randn(5, 3), dim=1)) for _ in "ab")
    assert torch.equal(one, other)
    assert not torch.equal(first, second)
    assert (one >= 0).all()
    network.noise = 5.0
    assert not torch.equal(network.density(points)[0], one)
    assert torch.equal(network.eval().density(points)[0], one)


@given(st.tuples(*[st.integers(2, 6)] * 3), st.integers(1, 4), st.integers(0, 99))
def test_interpolation_and_its_gradient_are_those_of_grid_sample(size, channels: int, seed: int):
    random = torch.Generator().manual_seed(seed)
    rows = torch.randn(math.prod(size), channels, generator=random, dtype=torch.float64, requires_grad=True)
    points = (torch.rand(20, 3, generator=random, dtype=torch.float64) * 1.2 - 0.1) * (torch.tensor(size) - 1)
    mine = interpolated(rows, torch.tensor(size), points)
    grid = rows.t().view(1, channels, *size)
    where = (points / (torch.tensor(size) - 1) * 2 - 1).flip(1).view(1, 1, 1, -1, 3)
    theirs = torch.nn.functional.grid_sample(grid, where, align_corners=True, padding_mode="border")[0, :, 0, 0].t()
    torch.testing.assert_close(mine, theirs)
    weights = torch.randn(mine.shape, generator=random, dtype=torch.float64)
    gradients = [torch.autograd.grad((found * weights).sum(), rows, retain_graph=True)[0] for found in (mine, theirs)]
    torch.testing.assert_close(*gradients)
    (interpolated(rows, torch.tensor(size), points, sparse=True) * weights).sum().backward()
    assert rows.grad.is_sparse
    torch.testing.assert_close(rows.grad.to_dense(), gradients[1])


@given(st.tuples(*[st.integers(2, 6)] * 3), st.integers(0, 99))
def test_differences_are_those_of_neighbours_along_the_axes(size, seed: int):
    """Of x + 10 y + 100 z neighbours differ by 1, 10 and 100."""
    torch.manual_seed(seed)
    x, y, z = torch.meshgrid(*[torch.arange(float(n)) for n in size], indexing="ij")
    rows = (x + 10 * y + 100 * z).reshape(-1, 1)
    found = differences(rows, torch.tensor(size), 500)
    assert set(found.flatten().tolist()) <= {1.0, 10.0, 100.0}
    assert len(found.unique()) == 3


def test_the_total_variation_is_estimated_without_bias():
    grids = VoxelField(-torch.ones(3), torch.ones(3), 512, base=512, features=2)
    torch.manual_seed(0)
    with torch.no_grad():
        grids.density_rows.normal_()
        grids.feature_rows.normal_()
    whole = 0.0
    for rows in (grids.density_rows, grids.feature_rows):
        grid = rows.view(8, 8, 8, -1)
        whole += sum(float(grid.diff(dim=axis).abs().mean()) for axis in range(3))
    estimates = torch.stack([grids.total_variation(0.5) for _ in range(200)])
    assert float(estimates.mean()) == pytest.approx(whole, rel=0.01)
    estimates[0].backward()
    assert grids.feature_rows.grad.is_sparse


def field(**changes) -> VoxelField:
    return VoxelField(-torch.ones(3), torch.ones(3), **{**dict(voxels=512, base=512), **changes})


@pytest.mark.parametrize("opacity", [1e-6, 1e-2, 0.5])
def test_a_new_grid_has_the_given_opacity(opacity: float):
    """1 - exp(-sigma) of one voxel: equation 9 solved for the shift."""
    new = field(opacity=opacity)
    sigma, _ = new.density(torch.zeros(1, 3))
    assert float(-torch.expm1(-sigma)) == pytest.approx(opacity, rel=2e-2)
    assert float(new.opacities().mean()) == pytest.approx(opacity, rel=2e-2)


def test_a_linear_field_stays_linear_when_its_grid_is_resized():
    small = field(voxels=4**3)
    slope = torch.tensor([1.0, -2.0, 0.5])
    with torch.no_grad():
        small.density_rows.copy_(small.centres() @ slope[:, None])
    small.resize(9**3)
    assert small.size.tolist() == [9, 9, 9]
    torch.testing.assert_close(small.density_rows.detach(), small.centres() @ slope[:, None], atol=1e-5, rtol=1e-5)


def test_the_occupied_space_and_the_bounding_box_enclose_the_dense_voxels():
    grid = field(voxels=21**3, base=21**3)
    ball = grid.centres().norm(dim=1) < 0.31
    with torch.no_grad():
        grid.density_rows[ball] = 30.0
    low, high = grid.bounding_box(1e-3)
    torch.testing.assert_close(low, torch.full((3,), -0.3 * 1.05), atol=1e-4, rtol=0)
    torch.testing.assert_close(high, -low)
    occupancy = OccupancyGrid(grid.low, grid.high, grid.size.tolist())
    torch.testing.assert_close(occupancy.centres(), grid.centres())
    occupancy.narrow(grid.opacities(), 1e-3)
    assert bool(occupancy.occupied(torch.zeros(1, 3)))
    assert bool(occupancy.occupied(torch.tensor([[0.35, 0.0, 0.0]])))  # in the cell of a neighbour
    assert not bool(occupancy.occupied(torch.tensor([[0.8, 0.0, 0.0]])))
    assert torch.equal(field().bounding_box(0.5)[0], -torch.ones(3))  # the whole box where nothing is dense


def test_the_state_of_a_resized_grid_fits_a_new_one():
    grown = field(features=4, width=8)
    grown.resize(1000)
    grown.lr_scales = torch.rand(1000)
    new = field(features=4, width=8)
    new.load_state_dict(grown.state_dict())
    assert all(torch.equal(value, grown.state_dict()[name]) for name, value in new.state_dict().items())


@pytest.mark.parametrize("layout", [torch.strided, torch.sparse_coo])
def test_masked_adam_is_adam_on_rows_with_a_gradient(layout: torch.layout):
    random = torch.Generator().manual_seed(0)
    start = torch.randn(6, 3, generator=random)
    mine, theirs = (torch.nn.Parameter(start.clone()) for _ in "ab")
    lr_scales = torch.tensor([1.0, 1.0, 0.5, 0.0, 1.0, 1.0])
    own = MaskedAdam([{"params": [mine], "row_lr_scales": lr_scales}], lr=0.1, eps=1e-8)
    torchs = torch.optim.Adam([theirs], lr=0.1, betas=(0.9, 0.99))
    for _ in range(5):
        gradient = torch.randn(6, 3, generator=random)
        gradient[4] = 0
        mine.grad, theirs.grad = gradient.to_sparse(1) if layout == torch.sparse_coo else gradient.clone(), gradient
        own.step()
        torchs.step()
    torch.testing.assert_close(mine[:2], theirs[:2])
    torch.testing.assert_close(mine[2] - start[2], 0.5 * (theirs[2] - start[2]))
    assert torch.equal(mine[3], start[3])
    assert torch.equal(mine[4], start[4])


def test_parameter_groups_scale_learning_rates_of_the_network_and_of_rows():
    grid = field(features=4, width=8)
    density, features, network = grid.parameter_groups(0.01)
    assert "row_lr_scales" not in density and density["params"] == [grid.density_rows]
    assert features["params"] == [grid.feature_rows]
    assert network["lr_scale"] == 0.01 and len(network["params"]) == 6
    grid.lr_scales = torch.rand(512)
    assert torch.equal(grid.parameter_groups(0.01)[0]["row_lr_scales"], grid.lr_scales)
    assert len(field().parameter_groups(0.01)) == 2
