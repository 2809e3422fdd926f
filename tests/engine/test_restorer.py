import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.precision import has_fast_bf16
from darkroom.engine.restorer import Restorer, fused
from darkroom.networks.basic_sr import BasicSRModel
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.projected import Projected
from darkroom.networks.safmn import SAFMN
from darkroom.operators.noise import Gaussian


def network(channels: int = 3, depth: int = 4, noise_conditional: bool = False) -> DnCNN:
    torch.manual_seed(0)
    dncnn = DnCNN(channels, 8, depth, noise_conditional=noise_conditional)
    for module in dncnn.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    return dncnn.eval()


class Counting(RestorationNetwork):
    """The identity, which counts how often it is run."""

    channels, halo = 3, 0

    def __init__(self) -> None:
        super().__init__()
        self.count = torch.zeros(())

    def __deepcopy__(self, memo: dict) -> "Counting":
        return self  # a restorer copies its network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return image.clone()


@pytest.mark.parametrize("precision", ["auto", "32", "bf16"])
def test_construction_runs_nothing_and_the_first_image_everything_once(precision: str):
    counting = Counting()
    restorer = Restorer(counting, precision=precision)
    assert counting.count == 0
    checked = precision == "auto" and has_fast_bf16(torch.device("cpu"))
    first = 6 * checked + 1 + 1  # the self-check in two precisions at three noise levels; the measurement of memory; the image
    image = torch.rand(3, 20, 24)
    torch.testing.assert_close(restorer(image), image)
    assert counting.count == first
    for _ in range(3):
        restorer(image)
    assert counting.count == first + 3
    for _ in range(2):
        assert restorer.psnr_difference == 0 and restorer.tile > 0
    assert counting.count == first + 3 + 6 * (precision == "bf16")


def test_too_little_memory_is_refused_at_the_first_image():
    restorer = Restorer(network(depth=40), memory=1 << 20, precision="32")
    with pytest.raises(DarkroomError, match=r"--memory 1 MiB is too little for this network: it needs at least \d+ MiB"):
        restorer(torch.rand(3, 20, 20))


def test_less_memory_means_smaller_tiles():
    plain = network()
    side = [Restorer(plain, memory=megabytes << 20, precision="32").tile for megabytes in (1, 4, 64)]
    assert side == sorted(side) and side[0] < side[-1]
    assert (side[1] + 2 * plain.halo) ** 2 * 8 * 4 * 2 <= 4 << 20


def test_memory_is_measured_at_its_peak_and_without_the_self_check():
    """In a chain of convolutions, at most two layers' features are alive at once, in float32 or in bfloat16."""
    plain, budget = DnCNN(3, 32, 5, batch_norm=False).initialise(generator(0)).eval(), 64 << 20
    per_pixel = {}
    for precision in ("32", "bf16", "auto"):
        restorer = Restorer(plain, precision=precision, memory=budget)
        per_pixel[precision] = budget / (restorer.tile + 2 * plain.halo) ** 2
    assert 1.25 * 2 * 32 * 4 * 0.9 <= per_pixel["32"] <= 1.25 * (2 * 32 + 9) * 4 * 1.1
    assert per_pixel["auto"] == per_pixel["bf16" if has_fast_bf16(torch.device("cpu")) else "32"]


@given(height=st.integers(1, 60), width=st.integers(1, 60), tile=st.integers(4, 30))
def test_tiles_give_the_result_of_the_whole_image(height: int, width: int, tile: int):
    plain = network()
    restorer = Restorer(plain, precision="32")
    restorer.tile = tile
    image = torch.rand(3, height, width)
    expected = plain(image[None])[0].detach()
    torch.testing.assert_close(restorer(image), expected, atol=2e-6, rtol=1e-5)


@given(height=st.integers(1, 40), width=st.integers(1, 40), tile=st.integers(4, 30), scale=st.sampled_from([2, 4]))
def test_tiles_of_super_resolution_give_the_result_of_the_whole_image(height: int, width: int, tile: int, scale: int):
    plain = BasicSRModel(2, 6, residual=True, scale=scale).initialise(generator(0)).eval()
    restorer = Restorer(plain, precision="32")
    restorer.tile = tile
    image = torch.rand(3, height, width)
    with torch.no_grad():
        torch.testing.assert_close(restorer(image), plain(image[None])[0], atol=5e-6, rtol=1e-5)


@given(height=st.integers(1, 100), width=st.integers(1, 100), cells=st.integers(1, 6))
def test_tiles_of_a_network_with_pooling_give_the_result_of_the_whole_image(height: int, width: int, cells: int):
    plain = SAFMN(2, 8, 2).initialise(generator(0)).eval()
    whole, tiled = (Restorer(plain, precision="32") for _ in range(2))
    whole.tile, tiled.tile = 800, 8 * cells
    image = torch.rand(3, height, width)
    torch.testing.assert_close(tiled(image), whole(image), atol=1e-5, rtol=1e-4)
    if height % 8 == 0 and width % 8 == 0:
        with torch.no_grad():
            torch.testing.assert_close(whole(image), plain(image[None])[0], atol=1e-5, rtol=1e-4)


def test_folding_batch_normalisation_does_not_change_the_output():
    plain = network()
    folded = fused(plain)
    x = torch.rand(1, 3, 20, 20)
    torch.testing.assert_close(folded(x), plain(x), atol=1e-5, rtol=1e-5)
    assert not [m for m in folded.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [m for m in plain.modules() if isinstance(m, torch.nn.BatchNorm2d)]


def test_grey_images_through_colour_networks_and_the_reverse():
    grey, colour = torch.rand(1, 20, 24), torch.rand(3, 20, 24)
    of_colour, of_grey = network(3), network(1)
    expected = of_colour(grey.expand(3, -1, -1)[None])[0].mean(0, keepdim=True)
    torch.testing.assert_close(Restorer(of_colour, precision="32")(grey), expected, atol=1e-5, rtol=1e-5)
    expected = of_grey(colour[:, None])[:, 0]
    torch.testing.assert_close(Restorer(of_grey, precision="32")(colour), expected, atol=1e-5, rtol=1e-5)


def test_a_noise_conditional_network_is_given_the_noise_level():
    plain = network(noise_conditional=True)
    image = torch.rand(3, 16, 16)
    expected = plain(image[None], torch.tensor([20 / 255]))[0]
    torch.testing.assert_close(Restorer(plain, precision="32", sigma=20.0)(image), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(Restorer(plain, precision="32")(image, sigma=20.0), expected, atol=1e-5, rtol=1e-5)


def test_an_unknown_noise_level_is_estimated():
    clean = to_float(embedded("heldout")[0][:, :128, :160])
    restorer = Restorer(network(noise_conditional=True), precision="32")
    for sigma in (10.0, 25.0, 50.0):
        noisy = Gaussian(sigma)(clean, torch.Generator().manual_seed(0))[0]
        assert restorer.sigma_for(noisy) == pytest.approx(sigma, rel=0.2)
    assert Restorer(network(), precision="32").sigma_for(clean) is None


@pytest.mark.parametrize("channels", [1, 3])
def test_the_projection_is_that_of_the_whole_image_and_not_of_tiles(channels: int):
    projected = Projected(network(channels)).eval()
    clean = to_float(embedded("heldout", grey=channels == 1)[0][:, :96, :120])
    image = Gaussian(25.0)(clean, torch.Generator().manual_seed(0))[0]
    with torch.no_grad():
        expected = projected(image[None], torch.tensor([5 / 255]))[0]
        assert (expected - projected.network(image[None])[0]).abs().max() > 1e-3  # the projection has an effect
    restorer = Restorer(projected, precision="32", sigma=5.0)
    for tile in (1000, 40):
        restorer.tile = tile
        torch.testing.assert_close(restorer(image), expected, atol=1e-5, rtol=1e-5)


class Standardised(RestorationNetwork):
    """A network of a user, whose output has the mean of the whole image; at scale 2."""

    channels, halo, scale, noise_conditional = 3, 0, 2, True

    def forward(self, image: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return self.finish(self.restore_tile(image, sigma), image, sigma)

    def restore_tile(self, image: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(image, scale_factor=2).square()

    def finish(self, restored: torch.Tensor, image: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return restored - restored.mean((1, 2, 3), keepdim=True) + image.mean((1, 2, 3), keepdim=True) + sigma.view(-1, 1, 1, 1)


def test_any_network_may_finish_the_whole_image():
    plain, image = Standardised(), torch.rand(3, 50, 70)
    restorer = Restorer(plain, precision="32", sigma=12.0)
    restorer.tile = 16
    torch.testing.assert_close(restorer(image), plain(image[None], torch.tensor([12 / 255]))[0])


def test_bf16_is_used_only_where_it_is_harmless():
    harmless, harmful = network(), DnCNN(3, 3, 2)
    with torch.no_grad():
        harmless.layers[-1].weight.mul_(0.01)
        harmless.layers[-1].bias.zero_()
        # A tenth of the image, computed as a small difference of large numbers.
        torch.nn.init.dirac_(harmful.layers[0].weight)
        torch.nn.init.dirac_(harmful.layers[-1].weight).mul_(0.1)
        harmful.layers[0].bias.fill_(100.0)
        harmful.layers[-1].bias.fill_(-10.0)
    forced = Restorer(harmless, precision="bf16")
    assert forced.bf16 and 0 < forced.psnr_difference < 0.02
    assert Restorer(harmful, precision="bf16").psnr_difference > 0.02
    assert Restorer(harmful, precision="bf16").bf16 and not Restorer(harmful, precision="auto").bf16
    assert Restorer(harmless, precision="auto").bf16 == has_fast_bf16(torch.device("cpu"))
    single = Restorer(harmless, precision="32")
    assert not single.bf16 and single.psnr_difference == 0 and math.isfinite(single.tile)


def test_progress_is_reported_by_tile():
    restorer = Restorer(network(), precision="32")
    restorer.tile = 10
    reports = []
    restorer(torch.rand(3, 20, 30), lambda done, total: reports.append((done, total)))
    assert reports == [(n, 6) for n in range(1, 7)]
