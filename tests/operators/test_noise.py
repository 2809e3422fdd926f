import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.randomness import generator
from darkroom.operators.noise import Blocky, Gaussian, Impulse, NoisyPair, NoisyTargetPair, Poisson, TextOverlay

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
def test_noise_is_a_function_of_image_and_generator_and_does_not_change_the_image(noise, channels: int):
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


def test_quantised_noise_is_clipped_and_rounded_to_8_bits():
    clean = torch.rand(3, 64, 64)
    exact, _ = Gaussian(50.0)(clean, generator(4))
    rounded, _ = Gaussian(50.0, quantised=True)(clean, generator(4))
    torch.testing.assert_close(rounded, (exact.clamp(0, 1) * 255).round() / 255)
    assert rounded.min() == 0 and rounded.max() == 1


def test_a_level_from_an_interval_is_uniform_and_is_the_condition():
    pair = NoisyPair(Gaussian((10.0, 55.0)), noise_conditional=True)
    levels = torch.stack([pair(torch.zeros(1, 1, 1), generator(n)).condition[0] for n in range(400)]) * 255
    assert levels.min() >= 10 and levels.max() <= 55
    assert levels.mean().item() == pytest.approx(32.5, abs=2)
    assert NoisyPair(Gaussian(5.0))(torch.zeros(1, 1, 1), generator(0)).condition == ()


def test_poisson_counts_photons():
    noisy, _ = Poisson(40.0)(torch.full((1, 300, 300), 0.5), generator(5))
    counts = noisy * 40
    torch.testing.assert_close(counts, counts.round())
    assert noisy.mean().item() == pytest.approx(0.5, abs=0.002)
    assert noisy.var().item() == pytest.approx(0.5 / 40, rel=0.03)


def test_impulses_replace_their_share_of_pixels_in_all_channels():
    clean = torch.full((3, 200, 200), 0.5)
    replaced = Impulse(0.3)(clean, generator(6))[0] != clean
    assert replaced.all(0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(replaced.any(0), replaced.all(0))


def test_text_covers_the_given_share():
    clean = torch.full((3, 128, 128), 0.5)
    covered = (TextOverlay(0.25)(clean, generator(7))[0] != clean).any(0).float().mean().item()
    assert 0.2 < covered < 0.45


def test_blocky_noise_is_constant_on_blocks():
    noisy, level = Blocky(((4, 30.0),))(torch.zeros(3, 203, 198), generator(8))
    blocks = noisy[:, :200, :196].unfold(1, 4, 4).unfold(2, 4, 4).flatten(3)
    assert torch.equal(blocks, blocks[..., :1].expand_as(blocks))
    assert blocks[..., 0].std().item() == pytest.approx(30 / 255, rel=0.03)
    assert level.item() == pytest.approx(30 / 255)
    both, level = Blocky(((1, 30.0), (8, 40.0)))(torch.zeros(3, 400, 400), generator(8))
    assert both.std().item() == pytest.approx(50 / 255, rel=0.02) and level.item() == pytest.approx(50 / 255)


def test_input_and_target_of_noise2noise_have_independent_noise():
    clean = torch.rand(3, 100, 100)
    pair = NoisyTargetPair(Gaussian(20.0))(clean, generator(9))
    first, second = ((x - clean).flatten() for x in (pair.input, pair.target))
    assert torch.corrcoef(torch.stack([first, second]))[0, 1].item() == pytest.approx(0, abs=0.02)
    assert first.std().item() == pytest.approx(20 / 255, rel=0.02) == pytest.approx(second.std().item(), rel=0.02)
    drawn = NoisyTargetPair(Gaussian((0.0, 50.0)))(torch.zeros(1, 64, 64), generator(9))
    assert abs(drawn.input.std() - drawn.target.std()) > 0.01


def test_degradations_are_described_in_words_that_tell_protocols_apart():
    assert str(NoisyPair(Gaussian(25.0))) == (
        "Gaussian noise of sigma 25 (0-255 scale), neither clipped nor rounded; the noise level is not given"
    )
    assert str(NoisyPair(Gaussian((0.0, 55.0), quantised=True), noise_conditional=True)) == (
        "Gaussian noise of sigma uniform in [0, 55] (0-255 scale), clipped and rounded to 8 bits; the noise level is given"
    )
    words = [
        *(str(NoisyPair(noise)) for noise in ALL),
        *(str(NoisyPair(noise, noise_conditional=True)) for noise in ALL),
        *(str(NoisyTargetPair(noise)) for noise in ALL),
    ]
    assert len(set(words)) == 3 * len(ALL)
    assert not any(mark in text for text in words for mark in ("object at", "<", "=", "Pair("))  # no default representation
