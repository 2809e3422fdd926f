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


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(st.sampled_from(BOUNDARIES), ODD, ODD, st.integers(7, 20), st.integers(7, 20), st.integers(0, 99))
def test_the_adjoint_is_the_adjoint(boundary, down: int, right: int, height: int, width: int, seed: int):
    blur = Blur(drawn(down, right, seed=seed), height, width, boundary)
    x = drawn(2, height, width, seed=seed + 1) - 0.5
    y = drawn(2, *blur.answered, seed=seed + 2) - 0.5
    assert blur(x).shape[-2:] == blur.answered
    assert (blur(x) * y).sum().item() == pytest.approx((x * blur.adjoint(y)).sum().item(), rel=1e-6, abs=1e-10)


@given(ODD, ODD, st.integers(7, 20), st.integers(7, 20))
def test_it_convolves_as_scipy_does(down: int, right: int, height: int, width: int):
    kernel, x = drawn(down, right), drawn(height, width, seed=1)
    normal = (kernel / kernel.sum()).numpy()
    wanted = {
        "valid": scipy.signal.convolve2d(x.numpy(), normal, mode="valid"),
        "circular": scipy.ndimage.convolve(x.numpy(), normal, mode="wrap"),
        "reflect": scipy.ndimage.convolve(x.numpy(), normal, mode="mirror"),
    }
    for boundary, answer in wanted.items():
        np.testing.assert_allclose(Blur(kernel, height, width, boundary)(x).numpy(), answer, atol=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_lipschitz_constant_bounds_and_is_reached(boundary):
    blur = Blur(drawn(5, 7), 12, 15, boundary)
    columns = blur(torch.eye(12 * 15, dtype=torch.float64).view(-1, 12, 15)).flatten(1).T
    largest = torch.linalg.matrix_norm(columns, 2).item() ** 2
    assert blur.lipschitz == pytest.approx(largest, rel=1e-3)


def test_tapering_leaves_the_middle_and_joins_the_ends():
    kernel = torch.ones(9, 9)
    blur = Blur(kernel, 64, 80, "tapered")
    assert torch.equal(blur.taper[10:54, 10:70], torch.ones(44, 60))
    assert blur.taper[0].abs().max() < 1e-6 and blur.taper[:, -1].abs().max() < 1e-6
    x, circular = drawn(64, 80), Blur(kernel, 64, 80, "circular")
    blended = blur.taper * x + (1 - blur.taper) * circular(x)
    torch.testing.assert_close(blur(x), circular(blended))
    torch.testing.assert_close(blur(x)[20:44, 20:60], circular(x)[20:44, 20:60])


def test_a_blurred_pair_has_its_noise_and_its_kernel():
    clean = torch.full((1, 200, 210), 0.5)
    pair = BlurredPair(torch.ones(5, 11), 12.75)(clean, generator(0))
    assert pair.input.shape == (1, 196, 200) and torch.equal(pair.target, clean)
    assert (pair.input - 0.5).std().item() == pytest.approx(12.75 / 255, rel=0.02)
    assert pair.condition[1].item() == pytest.approx(0.05) and pair.condition[0].shape == (5, 11)
    rounded = BlurredPair(torch.ones(1, 1), 12.75, quantised=True)(clean, generator(0)).source * 255
    torch.testing.assert_close(rounded, rounded.round())
    torch.testing.assert_close(BlurredPair(torch.ones(1, 1), 0.0)(clean, generator(0)).source, clean)


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (torch.ones(4, 3), "3x4 has no middle"),
        (torch.tensor([[-0.1, 1.0, 0.1]]), "goes down to -0.1"),
        (torch.zeros(3, 3), "zero everywhere"),
        (torch.ones(3), "shape of .3,"),
        (torch.full((3, 3), float("nan")), "finite"),
        (torch.ones(9, 3), "3x9 is larger than the image of 8x8"),
    ],
)
def test_what_is_no_kernel_is_said(kernel: torch.Tensor, words: str):
    with pytest.raises(DarkroomError, match=words):
        Blur(normalised(kernel), 8, 8)


def test_a_picture_of_another_size_is_said():
    blur = Blur(torch.ones(3, 3), 8, 9)
    with pytest.raises(DarkroomError, match="takes images of 9x8, given 8x8"):
        blur(torch.zeros(8, 8))
    with pytest.raises(DarkroomError, match="adjoint takes images of 7x6, given 9x8"):
        blur.adjoint(torch.zeros(8, 9))
