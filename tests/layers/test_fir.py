import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import convolve2d, upfirdn

from darkroom.layers.fir import fir_down, fir_filter, fir_up

TAPS = np.array([1.0, 3, 3, 1]) / 8


def along_both(image: np.ndarray, up: int, down: int, crop: slice) -> np.ndarray:
    """SciPy's upsampling, filtering and downsampling, along the rows and then along the columns."""
    for axis in (0, 1):
        image = np.take(upfirdn(TAPS * up, image, up, 1, axis=axis), np.arange(10**4)[crop][: image.shape[axis] * up], axis)
    return image[::down, ::down]


@given(height=st.integers(1, 7), width=st.integers(1, 7), seed=st.integers(0, 100))
def test_resampling_is_scipys(height: int, width: int, seed: int):
    x = torch.randn(2, 3, 2 * height, 2 * width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    down, up, filtered = fir_down(x), fir_up(x), fir_filter(x)
    assert down.shape == (2, 3, height, width) and up.shape == (2, 3, 4 * height, 4 * width)
    for image, smaller, larger, same in zip(
        x.flatten(0, 1), down.flatten(0, 1), up.flatten(0, 1), filtered.flatten(0, 1), strict=True
    ):
        # StyleGAN2 pads by 1 before and after going down, and by 2 and 1 going up.
        padded = np.pad(image.numpy(), 1)
        assert np.allclose(smaller, convolve2d(padded, np.outer(TAPS, TAPS), "valid")[::2, ::2])
        assert np.allclose(larger, along_both(image.numpy(), 2, 1, slice(1, None)))
        assert np.allclose(same, convolve2d(np.pad(image.numpy(), 2), np.outer(TAPS, TAPS), "valid"))


def test_up_is_four_times_the_transpose_of_down():
    x, y = torch.randn(1, 2, 8, 6, dtype=torch.float64), torch.randn(1, 2, 4, 3, dtype=torch.float64)
    assert float((fir_down(x) * y).sum()) == pytest.approx(float((x * fir_up(y)).sum()) / 4)


def test_the_filter_removes_the_highest_frequency():
    stripes = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 1, 16, 16)
    assert float(fir_down(stripes)[..., 1:-1, 1:-1].abs().max()) < 1e-7
