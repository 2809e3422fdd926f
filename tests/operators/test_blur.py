import hashlib

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.operators.blur import Blur, BlurredPair, normalised

BOUNDARIES = ("valid", "circular", "reflect", "tapered")
ODD = st.sampled_from([1, 3, 5, 7])


def uniform(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(st.sampled_from(BOUNDARIES), ODD, ODD, st.integers(7, 20), st.integers(7, 20), st.integers(0, 99))
def test_the_adjoint_satisfies_its_definition(boundary, down: int, right: int, height: int, width: int, seed: int):
    blur = Blur(uniform(down, right, seed=seed), height, width, boundary)
    x = uniform(2, height, width, seed=seed + 1) - 0.5
    y = uniform(2, *blur.output_shape, seed=seed + 2) - 0.5
    assert x.shape[-2:] == blur.input_shape and blur(x).shape[-2:] == blur.output_shape
    assert (blur(x) * y).sum().item() == pytest.approx((x * blur.adjoint(y)).sum().item(), rel=1e-6, abs=1e-10)


@given(ODD, ODD, st.integers(7, 20), st.integers(7, 20))
def test_convolution_is_that_of_scipy(down: int, right: int, height: int, width: int):
    kernel, x = uniform(down, right), uniform(height, width, seed=1)
    normal = (kernel / kernel.sum()).numpy()
    expected = {
        "valid": scipy.signal.convolve2d(x.numpy(), normal, mode="valid"),
        "circular": scipy.ndimage.convolve(x.numpy(), normal, mode="wrap"),
        "reflect": scipy.ndimage.convolve(x.numpy(), normal, mode="mirror"),
    }
    for boundary, blurred in expected.items():
        np.testing.assert_allclose(Blur(kernel, height, width, boundary)(x).numpy(), blurred, atol=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_lipschitz_constant_is_the_squared_spectral_norm(boundary):
    blur = Blur(uniform(5, 7), 12, 15, boundary)
    columns = blur(torch.eye(12 * 15, dtype=torch.float64).view(-1, 12, 15)).flatten(1).T
    largest = torch.linalg.matrix_norm(columns, 2).item() ** 2
    assert blur.lipschitz == pytest.approx(largest, rel=1e-3)


def test_tapering_changes_the_boundary_only_and_matches_opposite_edges():
    kernel = torch.ones(9, 9)
    blur = Blur(kernel, 64, 80, "tapered")
    assert torch.equal(blur.taper[10:54, 10:70], torch.ones(44, 60))
    assert blur.taper[0].abs().max() < 1e-6 and blur.taper[:, -1].abs().max() < 1e-6
    x, circular = uniform(64, 80), Blur(kernel, 64, 80, "circular")
    blended = blur.taper * x + (1 - blur.taper) * circular(x)
    torch.testing.assert_close(blur(x), circular(blended))
    torch.testing.assert_close(blur(x)[20:44, 20:60], circular(x)[20:44, 20:60])


def test_a_blurred_pair_has_the_noise_and_is_conditioned_on_kernel_and_sigma():
    clean = torch.full((1, 200, 210), 0.5)
    pair = BlurredPair(torch.ones(5, 11), 12.75)(clean, generator(0))
    assert pair.input.shape == (1, 196, 200) and torch.equal(pair.target, clean)
    assert (pair.input - 0.5).std().item() == pytest.approx(12.75 / 255, rel=0.02)
    assert pair.condition[1].item() == pytest.approx(0.05) and pair.condition[0].shape == (5, 11)
    rounded = BlurredPair(torch.ones(1, 1), 12.75, quantised=True)(clean, generator(0)).input * 255
    torch.testing.assert_close(rounded, rounded.round())
    torch.testing.assert_close(BlurredPair(torch.ones(1, 1), 0.0)(clean, generator(0)).input, clean)


def test_a_degradation_is_described_by_kernel_boundary_noise_and_rounding():
    words = str(BlurredPair(torch.ones(3, 5), 2.55))
    digest = hashlib.sha256(np.full((3, 5), 1 / 15, np.float32).tobytes()).hexdigest()[:8]
    assert words == (
        f"blur with a 5x3 kernel (SHA-256 {digest}), boundary valid, then Gaussian noise of sigma 2.55 (0-255 scale), "
        "neither clipped nor rounded; kernel and sigma are given"
    )
    assert str(BlurredPair(2 * torch.ones(3, 5), 2.55)) == words  # the same kernel once it is normalised
    others = [
        BlurredPair(torch.eye(5)[:3], 2.55),
        BlurredPair(torch.ones(3, 5), 2.5),
        BlurredPair(torch.ones(3, 5), 2.55, "circular"),
        BlurredPair(torch.ones(3, 5), 2.55, quantised=True),
    ]
    assert len({words, *map(str, others)}) == 5


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (torch.ones(4, 3), "odd sides.*given 3x4"),
        (torch.tensor([[-0.1, 1.0, 0.1]]), "must not be negative, given -0.1"),
        (torch.zeros(3, 3), "must not all be zero"),
        (torch.ones(3), "shape of .3,"),
        (torch.full((3, 3), float("nan")), "finite"),
        (torch.ones(9, 3), "3x9 is larger than the image of 8x8"),
    ],
)
def test_an_invalid_kernel_is_refused(kernel: torch.Tensor, words: str):
    with pytest.raises(DarkroomError, match=words):
        Blur(normalised(kernel), 8, 8)


def test_an_image_of_another_size_is_refused():
    blur = Blur(torch.ones(3, 3), 8, 9)
    with pytest.raises(DarkroomError, match="takes images of 9x8, given 8x8"):
        blur(torch.zeros(8, 8))
    with pytest.raises(DarkroomError, match="adjoint of this blur takes images of 7x6, given 9x8"):
        blur.adjoint(torch.zeros(8, 9))
