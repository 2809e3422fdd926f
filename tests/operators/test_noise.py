import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.randomness import generator
from darkroom.operators.noise import Blocky, Gaussian, Impulse, NoisyPair, Poisson, TextOverlay, TwoNoisy

ALL = [
    Gaussian(25.0),
    Gaussian((0.0, 55.0)),
    Gaussian(25.0, quantised=True),
    Poisson(30.0),
    Impulse((0.0, 0.9)),
    TextOverlay(0.3),
    Blocky(((1, 25.0), (4, 15.0))),
]


@pytest.mark.parametrize("noise", ALL, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_function_of_picture_and_generator_that_leaves_the_picture_alone(noise, channels: int):
    clean = torch.rand(channels, 40, 30)
    before = clean.clone()
    (a, level_a), (b, level_b) = noise(clean, generator(1)), noise(clean, generator(1))
    assert torch.equal(a, b) and torch.equal(level_a, level_b) and torch.equal(clean, before)
    assert a.shape == clean.shape and a.dtype == torch.float32
    assert not torch.equal(a, noise(clean, generator(2))[0])


@given(st.floats(1, 75))
def test_gaussian_noise_has_its_moments_and_is_not_clipped(sigma: float):
    noisy, level = Gaussian(sigma)(torch.ones(1, 200, 200), generator(3))
    assert level.item() == pytest.approx(sigma / 255)
    assert noisy.mean().item() == pytest.approx(1, abs=4 * sigma / 255 / 200)
    assert noisy.std().item() == pytest.approx(sigma / 255, rel=4 / math.sqrt(2 * 200 * 200))
    assert (noisy > 1).float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_quantised_noise_is_what_an_8_bit_file_holds():
    clean = torch.rand(3, 64, 64)
    free, _ = Gaussian(50.0)(clean, generator(4))
    held, _ = Gaussian(50.0, quantised=True)(clean, generator(4))
    torch.testing.assert_close(held, (free.clamp(0, 1) * 255).round() / 255)
    assert held.min() == 0 and held.max() == 1


def test_a_drawn_level_fills_its_interval_and_is_told():
    pair = NoisyPair(Gaussian((10.0, 55.0)), noise_conditional=True)
    levels = torch.stack([pair(torch.zeros(1, 1, 1), generator(n)).given[0] for n in range(400)]) * 255
    assert levels.min() >= 10 and levels.max() <= 55
    assert levels.mean().item() == pytest.approx(32.5, abs=2)
    assert NoisyPair(Gaussian(5.0))(torch.zeros(1, 1, 1), generator(0)).given == ()


def test_poisson_counts_photons():
    noisy, _ = Poisson(40.0)(torch.full((1, 300, 300), 0.5), generator(5))
    counts = noisy * 40
    torch.testing.assert_close(counts, counts.round())
    assert noisy.mean().item() == pytest.approx(0.5, abs=0.002)
    assert noisy.var().item() == pytest.approx(0.5 / 40, rel=0.03)


def test_impulses_hit_their_share_of_pixels_in_all_channels_at_once():
    clean = torch.full((3, 200, 200), 0.5)
    hit = Impulse(0.3)(clean, generator(6))[0] != clean
    assert hit.all(0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(hit.any(0), hit.all(0))


def test_text_covers_what_was_asked():
    clean = torch.full((3, 128, 128), 0.5)
    covered = (TextOverlay(0.25)(clean, generator(7))[0] != clean).any(0).float().mean().item()
    assert 0.2 < covered < 0.45


def test_blocky_noise_is_constant_on_its_squares():
    noisy, level = Blocky(((4, 30.0),))(torch.zeros(3, 203, 198), generator(8))
    squares = noisy[:, :200, :196].unfold(1, 4, 4).unfold(2, 4, 4).flatten(3)
    assert torch.equal(squares, squares[..., :1].expand_as(squares))
    assert squares[..., 0].std().item() == pytest.approx(30 / 255, rel=0.03)
    assert level.item() == pytest.approx(30 / 255)
    both, level = Blocky(((1, 30.0), (8, 40.0)))(torch.zeros(3, 400, 400), generator(8))
    assert both.std().item() == pytest.approx(50 / 255, rel=0.02) and level.item() == pytest.approx(50 / 255)


def test_two_noisy_copies_are_independent():
    clean = torch.rand(3, 100, 100)
    pair = TwoNoisy(Gaussian(20.0))(clean, generator(9))
    first, second = ((x - clean).flatten() for x in (pair.input, pair.target))
    assert torch.corrcoef(torch.stack([first, second]))[0, 1].item() == pytest.approx(0, abs=0.02)
    assert first.std().item() == pytest.approx(20 / 255, rel=0.02) == pytest.approx(second.std().item(), rel=0.02)
    drawn = TwoNoisy(Gaussian((0.0, 50.0)))(torch.zeros(1, 64, 64), generator(9))
    assert abs(drawn.source.std() - drawn.target.std()) > 0.01
