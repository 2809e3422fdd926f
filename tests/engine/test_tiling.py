"""Tiles cover images, margins make them exact, and their size follows the memory budget."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.engine.tiling import MAX_MARGIN, OVERHEAD, Tiling, tiles
from darkroom.networks.dncnn import DnCNN


@given(height=st.integers(1, 70), width=st.integers(1, 70), side=st.integers(1, 40), halo=st.integers(0, 12))
def test_tiles_cover_every_pixel_once_and_margins_stay_inside(height, width, side, halo):
    count = torch.zeros(height, width, dtype=torch.int)
    for tile in tiles(height, width, side, halo):
        assert 0 < tile.bottom - tile.top <= side and 0 < tile.right - tile.left <= side
        assert tile.top - tile.above >= 0 and tile.bottom + tile.below <= height
        assert tile.left - tile.before >= 0 and tile.right + tile.after <= width
        assert tile.above == halo or tile.top - tile.above == 0
        assert tile.below == halo or tile.bottom + tile.below == height
        count[tile.top : tile.bottom, tile.left : tile.right] += 1
    assert (count == 1).all()


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    cells=st.integers(1, 6),
    margin=st.integers(0, 3),
    grid=st.integers(2, 9),
)
def test_tiles_begin_on_multiples_of_the_grid(height, width, cells, margin, grid):
    count = torch.zeros(height, width, dtype=torch.int)
    for tile in tiles(height, width, cells * grid, margin * grid, grid):
        assert (tile.top - tile.above) % grid == 0 and (tile.left - tile.before) % grid == 0
        assert 0 < tile.bottom - tile.top <= cells * grid and 0 < tile.right - tile.left <= cells * grid
        count[tile.top : tile.bottom, tile.left : tile.right] += 1
    assert (count == 1).all()


def test_in_double_precision_a_margin_of_the_halo_is_exact_and_a_smaller_one_is_not():
    torch.manual_seed(0)
    network = DnCNN(3, 8, 6, batch_norm=False).double().eval().requires_grad_(False)
    image = torch.rand(1, 3, 50, 41, dtype=torch.float64)
    expected, found = network(image), torch.zeros_like(image)
    for tile in tiles(50, 41, 13, network.halo):
        rows, columns = (
            slice(tile.top - tile.above, tile.bottom + tile.below),
            slice(tile.left - tile.before, tile.right + tile.after),
        )
        inner = network(image[:, :, rows, columns])[:, :, tile.above :, tile.before :]
        found[:, :, tile.top : tile.bottom, tile.left : tile.right] = inner[
            :, :, : tile.bottom - tile.top, : tile.right - tile.left
        ]
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    short = next(iter(tiles(50, 41, 13, network.halo - 1)))
    part = network(image[:, :, : short.bottom + short.below, : short.right + short.after])[:, :, : short.bottom, : short.right]
    assert (part - expected[:, :, : short.bottom, : short.right]).abs().max() > 1e-9


class Mean(RestorationNetwork):
    """A network whose receptive field is said to be very wide."""

    channels, halo, grid = 1, 500, 8

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


@given(height=st.integers(1, 40), width=st.integers(1, 40), cells=st.integers(1, 20))
def test_weights_of_blended_tiles_sum_to_one(height: int, width: int, cells: int):
    tiling = Tiling.of(Mean())
    assert (tiling.halo, tiling.feather) == (MAX_MARGIN, MAX_MARGIN // 2)
    image = torch.rand(1, 8 * height, 8 * width)
    blended = tiling.apply(lambda tile: tile, image, 8 * max(cells, 8), lambda done, total: None)
    torch.testing.assert_close(blended, image)


def test_a_network_whose_halo_fits_needs_no_blending():
    tiling = Tiling.of(DnCNN(3, 4, 5))
    assert (tiling.halo, tiling.grid, tiling.scale, tiling.feather) == (5, 1, 1, 0)


def test_progress_is_reported_by_tile():
    reports: list[tuple[int, int]] = []
    tiling = Tiling(halo=2, grid=1, scale=1, feather=0)
    tiling.apply(lambda tile: tile, torch.rand(3, 20, 30), 10, lambda done, total: reports.append((done, total)))
    assert reports == [(n, 6) for n in range(1, 7)]


def test_peak_memory_counts_tensors_as_long_as_they_live():
    tiling = Tiling(halo=0, grid=1, scale=1, feather=0)

    def one_after_another(side: int) -> None:
        for _ in range(5):
            torch.zeros(side, side)

    def at_once(side: int) -> None:
        kept = [torch.zeros(side, side) for _ in range(5)]
        kept[0].add_(1)  # in place: nothing more

    assert tiling.bytes_per_pixel(one_after_another) == pytest.approx(OVERHEAD * 4)
    assert tiling.bytes_per_pixel(at_once) == pytest.approx(OVERHEAD * 20)


def test_the_side_follows_the_budget_in_whole_cells_and_too_small_a_budget_is_refused():
    tiling = Tiling(halo=16, grid=8, scale=1, feather=0)

    def run(side: int) -> None:
        torch.zeros(25, side, side)  # 125 bytes a pixel with the overhead

    for megabytes in (1, 4, 64):
        side = tiling.side_within(megabytes << 20, tiling.bytes_per_pixel(run))
        assert side % 8 == 0 and (side + 32) ** 2 * 125 <= megabytes << 20 < (side + 8 + 32) ** 2 * 125
    with pytest.raises(DarkroomError, match=r"--memory 0 MiB is too little .* at least \d+ MiB"):
        tiling.side_within(1 << 18, tiling.bytes_per_pixel(run))
