import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.restore import Restorer, fused, has_fast_bf16, tiles
from darkroom.networks.basic_sr import BasicSRModel
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.projected import Projected
from darkroom.networks.safmn import SAFMN
from darkroom.operators.noise import Gaussian


def network(channels: int = 3, depth: int = 4, noise_conditional: bool = False) -> DnCNN:
    torch.manual_seed(0)
    made = DnCNN(channels, 8, depth, noise_conditional=noise_conditional)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    return made.eval()


@given(height=st.integers(1, 70), width=st.integers(1, 70), tile=st.integers(1, 40), halo=st.integers(0, 12))
def test_tiles_cover_every_pixel_once_and_margins_stay_inside(height, width, tile, halo):
    seen = torch.zeros(height, width, dtype=torch.int)
    for cut in tiles(height, width, tile, halo):
        assert 0 < cut.bottom - cut.top <= tile and 0 < cut.right - cut.left <= tile
        assert cut.top - cut.above >= 0 and cut.bottom + cut.below <= height
        assert cut.left - cut.before >= 0 and cut.right + cut.after <= width
        assert cut.above == halo or cut.top - cut.above == 0
        assert cut.below == halo or cut.bottom + cut.below == height
        seen[cut.top : cut.bottom, cut.left : cut.right] += 1
    assert (seen == 1).all()


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    cells=st.integers(1, 6),
    margin=st.integers(0, 3),
    grid=st.integers(2, 9),
)
def test_tiles_begin_on_cells(height, width, cells, margin, grid):
    seen = torch.zeros(height, width, dtype=torch.int)
    for cut in tiles(height, width, cells * grid, margin * grid, grid):
        assert (cut.top - cut.above) % grid == 0 and (cut.left - cut.before) % grid == 0
        assert 0 < cut.bottom - cut.top <= cells * grid and 0 < cut.right - cut.left <= cells * grid
        seen[cut.top : cut.bottom, cut.left : cut.right] += 1
    assert (seen == 1).all()


@given(height=st.integers(1, 40), width=st.integers(1, 40), tile=st.integers(4, 30), factor=st.sampled_from([2, 4]))
def test_tiled_enlarging_is_exactly_untiled(height: int, width: int, tile: int, factor: int):
    plain = BasicSRModel(2, 6, residual=True, factor=factor).initialise(generator(0)).eval()
    restorer = Restorer(plain, precision="32")
    restorer.tile = tile
    image = torch.rand(3, height, width)
    with torch.no_grad():
        torch.testing.assert_close(restorer(image), plain(image[None])[0], atol=5e-6, rtol=1e-5)


@given(height=st.integers(1, 100), width=st.integers(1, 100), cells=st.integers(1, 6))
def test_a_network_that_pools_is_tiled_exactly(height: int, width: int, cells: int):
    plain = SAFMN(2, 8, 2).initialise(generator(0)).eval()
    whole, tiled = (Restorer(plain, precision="32") for _ in range(2))
    whole.tile, tiled.tile = 800, 8 * cells
    image = torch.rand(3, height, width)
    torch.testing.assert_close(tiled(image), whole(image), atol=1e-5, rtol=1e-4)
    if height % 8 == 0 and width % 8 == 0:
        with torch.no_grad():
            torch.testing.assert_close(whole(image), plain(image[None])[0], atol=1e-5, rtol=1e-4)


def test_memory_is_measured_at_its_peak():
    """Three convolutions in a chain: at most two layers' features are alive at once, in float32 or in bfloat16."""
    plain = DnCNN(3, 32, 5, batch_norm=False).eval()
    restorer = Restorer(plain, precision="32")
    assert 2 * 32 * 4 <= restorer._bytes_per_pixel() <= 1.25 * (2 * 32 + 9) * 4 * 1.1


@given(height=st.integers(1, 60), width=st.integers(1, 60), tile=st.integers(4, 30))
def test_tiled_is_exactly_untiled(height: int, width: int, tile: int):
    plain = network()
    restorer = Restorer(plain, precision="32")
    restorer.tile = tile
    image = torch.rand(3, height, width)
    expected = plain(image[None])[0].detach()
    torch.testing.assert_close(restorer(image), expected, atol=2e-6, rtol=1e-5)


def test_in_double_precision_a_tile_sees_all_it_needs():
    plain = network(depth=6).double()
    image = torch.rand(1, 3, 50, 41, dtype=torch.float64)
    expected, got = plain(image), torch.zeros_like(image)
    for cut in tiles(50, 41, 13, plain.halo):
        seen = image[:, :, cut.top - cut.above : cut.bottom + cut.below, cut.left - cut.before : cut.right + cut.after]
        inner = plain(seen)[:, :, cut.above :, cut.before :]
        got[:, :, cut.top : cut.bottom, cut.left : cut.right] = inner[:, :, : cut.bottom - cut.top, : cut.right - cut.left]
    torch.testing.assert_close(got, expected, atol=1e-12, rtol=0)
    short = next(iter(tiles(50, 41, 13, plain.halo - 1)))
    part = image[:, :, : short.bottom + short.below, : short.right + short.after]
    assert (plain(part)[:, :, : short.bottom, : short.right] - expected[:, :, : short.bottom, : short.right]).abs().max() > 1e-9


def test_folding_normalisation_changes_nothing_but_the_number_of_layers():
    plain = network()
    folded = fused(plain)
    x = torch.rand(1, 3, 20, 20)
    torch.testing.assert_close(folded(x), plain(x), atol=1e-5, rtol=1e-5)
    assert not [m for m in folded.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [m for m in plain.modules() if isinstance(m, torch.nn.BatchNorm2d)]


def test_grey_and_colour_meet_networks_of_the_other_kind():
    grey, colour = torch.rand(1, 20, 24), torch.rand(3, 20, 24)
    of_colour, of_grey = network(3), network(1)
    expected = of_colour(grey.expand(3, -1, -1)[None])[0].mean(0, keepdim=True)
    torch.testing.assert_close(Restorer(of_colour, precision="32")(grey), expected, atol=1e-5, rtol=1e-5)
    expected = of_grey(colour[:, None])[:, 0]
    torch.testing.assert_close(Restorer(of_grey, precision="32")(colour), expected, atol=1e-5, rtol=1e-5)


def test_a_nonblind_network_is_told_the_level():
    plain = network(noise_conditional=True)
    image = torch.rand(3, 16, 16)
    expected = plain(image[None], torch.tensor([20 / 255]))[0]
    torch.testing.assert_close(Restorer(plain, precision="32", sigma=20.0)(image), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(Restorer(plain, precision="32")(image, sigma=20.0), expected, atol=1e-5, rtol=1e-5)


def test_a_nonblind_network_is_told_an_estimate_where_nobody_knows():
    clean = to_float(embedded("heldout")[0][:, :128, :160])
    restorer = Restorer(network(noise_conditional=True), precision="32")
    for sigma in (10.0, 25.0, 50.0):
        noisy = Gaussian(sigma)(clean, torch.Generator().manual_seed(0))[0]
        assert restorer.level_of(noisy) == pytest.approx(sigma, rel=0.2)
    assert Restorer(network(), precision="32").level_of(clean) is None


def test_a_projection_is_the_whole_pictures_and_no_tiles():
    told = Projected(network(1)).eval()
    image = Gaussian(25.0)(to_float(embedded("heldout", grey=True)[0][:, :96, :120]), torch.Generator().manual_seed(0))[0]
    with torch.no_grad():
        wanted = told(image[None], torch.tensor([5 / 255]))[0]
        assert (wanted - told.network(image[None])[0]).abs().max() > 1e-3  # it does something here
    restorer = Restorer(told, precision="32", sigma=5.0)
    for tile in (1000, 40):
        restorer.tile = tile
        torch.testing.assert_close(restorer(image), wanted, atol=1e-5, rtol=1e-5)


def test_less_memory_means_smaller_tiles_and_far_too_little_is_an_error():
    plain = network()
    tile = [Restorer(plain, memory=megabytes << 20, precision="32").tile for megabytes in (1, 4, 64)]
    assert tile == sorted(tile) and tile[0] < tile[-1]
    assert (tile[1] + 2 * plain.halo) ** 2 * 8 * 4 * 2 <= 4 << 20
    with pytest.raises(DarkroomError, match=r"needs at least \d+ MiB"):
        Restorer(network(depth=40), memory=1 << 20, precision="32")


def test_bf16_is_used_only_where_it_is_harmless():
    gentle, wild = network(), DnCNN(3, 3, 2)
    with torch.no_grad():
        gentle.layers[-1].weight.mul_(0.01)
        gentle.layers[-1].bias.zero_()
        # A tenth of the image, by way of a large number that is added and taken away again.
        torch.nn.init.dirac_(wild.layers[0].weight)
        torch.nn.init.dirac_(wild.layers[-1].weight).mul_(0.1)
        wild.layers[0].bias.fill_(100.0)
        wild.layers[-1].bias.fill_(-10.0)
    forced = Restorer(gentle, precision="bf16")
    assert forced.bf16 and forced.difference < 0.02
    assert Restorer(wild, precision="bf16").difference > 0.02
    on_its_own = Restorer(wild, precision="auto")
    assert not on_its_own.bf16
    assert Restorer(gentle, precision="auto").bf16 == has_fast_bf16(torch.device("cpu"))
    assert not Restorer(gentle, precision="32").bf16


def test_progress_is_told_by_tile():
    restorer = Restorer(network(), precision="32")
    restorer.tile = 10
    heard = []
    restorer(torch.rand(3, 20, 30), lambda done, total: heard.append((done, total)))
    assert heard == [(n, 6) for n in range(1, 7)]
