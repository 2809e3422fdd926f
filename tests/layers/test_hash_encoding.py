"""The hash encoding against a plain formulation with unsigned arithmetic and autograd, and against an ordinary grid."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.layers.hash_encoding import HashEncoding, encoded, levels_of


def plain(rows: torch.Tensor, points: torch.Tensor, levels, *, smoothstep: bool = False) -> torch.Tensor:
    """Corner by corner in unsigned integers of NumPy; differentiable in `rows` by autograd."""
    found = []
    for level in levels:
        position = points.double() * level.scale + 0.5
        cell = position.floor()
        fraction = position - cell
        if smoothstep:
            fraction = fraction**2 * (3 - 2 * fraction)
        total = 0
        for corner in np.ndindex(2, 2, 2):
            at = (cell.numpy() + np.array(corner)).astype(np.uint32)
            if level.resolution**3 <= level.rows:
                index = (at.astype(np.uint64) * np.array([1, level.resolution, level.resolution**2], np.uint64)).sum(1)
            else:
                hashed = at * np.array([1, 2654435761, 805459861], np.uint32)
                index = hashed[:, 0] ^ hashed[:, 1] ^ hashed[:, 2]
            index = torch.from_numpy((index % level.rows).astype(np.int64)) + level.first
            weight = torch.where(torch.tensor(corner) == 1, fraction, 1 - fraction).prod(1)
            total = total + weight[:, None] * rows[index]
        found.append(total)
    return torch.cat(found, 1)


def encoding(features: int = 2, **more) -> HashEncoding:
    made = HashEncoding(levels=5, features=features, log2_rows=9, coarsest=4, finest=60, **more).double()
    torch.nn.init.normal_(made.rows, generator=torch.Generator().manual_seed(0))
    return made


def points(count: int = 50, seed: int = 1) -> torch.Tensor:
    inside = torch.rand(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
    return torch.cat([inside, corners])


def test_levels_are_the_papers():
    """Sixteen levels from 16 to 2048 with 2^19 rows, as in the authors' code: 12,196,240 parameters."""
    levels = levels_of(16, 19, 16, 2048)
    assert (levels[0].resolution, levels[-1].resolution) == (16, 2048)
    growth = math.exp((math.log(2048) - math.log(16)) / 15)
    assert [level.scale + 1 for level in levels] == pytest.approx([16 * growth**number for number in range(16)])
    assert [level.dense for level in levels] == [True] * 5 + [False] * 11
    assert all(later.first == level.first + level.rows for level, later in itertools.pairwise(levels))
    assert 2 * (levels[-1].first + levels[-1].rows) == 12_196_240


@pytest.mark.parametrize("smoothstep", [False, True])
@pytest.mark.parametrize("features", [2, 4, 6])
def test_features_and_gradients_are_those_of_the_plain_formulation(features: int, smoothstep: bool):
    made, where = encoding(features, smoothstep=smoothstep), points()
    expected = plain(made.rows, where, made.levels, smoothstep=smoothstep)
    torch.testing.assert_close(made(where), expected)
    upstream = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    mine, theirs = (torch.autograd.grad((out * upstream).sum(), made.rows)[0] for out in (made(where), expected))
    torch.testing.assert_close(mine, theirs)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 6), st.integers(3, 12), st.integers(2, 20), st.integers(1, 40), st.integers(0, 30), st.sampled_from([2, 4])
)
def test_any_hierarchy_is_the_plain_one(levels: int, log2_rows: int, coarsest: int, more: int, count: int, features: int):
    made = HashEncoding(levels, features, log2_rows, coarsest, coarsest + more)
    torch.nn.init.normal_(made.rows, generator=torch.Generator().manual_seed(0))
    where = points(count).float()
    torch.testing.assert_close(made(where), plain(made.rows, where, made.levels).float(), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("chunk", [1, 7, 100, 10_000])
def test_points_and_levels_may_be_looked_up_in_parts(chunk: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("darkroom.layers.hash_encoding.CHUNK", chunk)
    made, where = encoding(4), points()
    expected = plain(made.rows, where, made.levels)
    torch.testing.assert_close(made(where), expected)
    mine, theirs = (torch.autograd.grad(out.square().sum(), made.rows)[0] for out in (made(where), expected))
    torch.testing.assert_close(mine, theirs)


def test_numerical_gradients():
    made, where = HashEncoding(2, 4, 3, 2, 9).double(), points(4)
    rows = torch.rand_like(made.rows).requires_grad_()
    for smoothstep in (False, True):
        assert torch.autograd.gradcheck(lambda rows: encoded(rows, where, made.levels, smoothstep=smoothstep), rows)  # noqa: B023


def test_a_dense_level_is_an_ordinary_grid():
    """Its features at the centres of cells are the rows, and trilinear in between."""
    made = HashEncoding(1, 2, 12, 8, 8)
    grid = torch.randn(1, 2, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    made.rows.data[:512] = grid[0].permute(1, 2, 3, 0).reshape(512, 2)  # z slowest
    where = torch.rand(40, 3, generator=torch.Generator().manual_seed(1)) * 0.9
    position = where * 7 + 0.5
    expected = torch.nn.functional.grid_sample(grid, (2 * position / 7 - 1).view(1, 1, 1, -1, 3), align_corners=True)
    torch.testing.assert_close(made(where), expected[0, :, 0, 0].t(), atol=1e-4, rtol=1e-4)


def test_smoothstep_has_no_kinks():
    """The slope across the faces of cells is zero, where linear interpolation has kinks."""
    made, where = encoding(smoothstep=True), torch.full((1, 3), 0.37, dtype=torch.float64)
    level = made.levels[0]
    where[0, 0] = (round(0.37 * level.scale) - 0.5) / level.scale
    step = torch.tensor([[1e-5, 0, 0]], dtype=torch.float64)
    slopes = {}
    for made.smoothstep in (True, False):
        with torch.no_grad():
            slopes[made.smoothstep] = [(made(where + sign * step) - made(where))[0, :2].norm() / 1e-5 for sign in (1, -1)]
    assert max(slopes[True]) < 1e-2
    assert min(slopes[False]) > 0.1


def test_points_outside_are_clamped_and_none_are_none():
    made = encoding()
    outside = torch.tensor([[-3.0, 0.5, 9.0]], dtype=torch.float64)
    assert torch.equal(made(outside), made(outside.clamp(0, 1)))
    assert made(torch.zeros(0, 3, dtype=torch.float64)).shape == (0, 10)
    made(torch.zeros(0, 3, dtype=torch.float64)).sum().backward()
    assert not made.rows.grad.any()


def test_features_begin_small():
    rows = HashEncoding(4, 2, 10).initialise(torch.Generator().manual_seed(0)).rows.detach()
    assert 0.99e-4 < float(rows.max()) <= 1e-4
    assert -1e-4 <= float(rows.min()) < -0.99e-4


def test_mistakes_are_one_line():
    with pytest.raises(DarkroomError, match="32-bit addresses"):
        HashEncoding(log2_rows=30)
    with pytest.raises(DarkroomError, match="even number of features"):
        HashEncoding(features=3)
