import math

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from darkroom.metrics.fidelity import psnr, ssim


@pytest.fixture(scope="module")
def pictures():
    clean = skimage.data.astronaut()[100:260, 100:300]
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 20, clean.shape), 0, 255).round().astype(np.uint8)
    return clean, noisy


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255


def test_psnr_is_scikit_images(pictures):
    clean, noisy = pictures
    assert psnr.compute(tensor(noisy), tensor(clean)).item() == pytest.approx(peak_signal_noise_ratio(clean, noisy), abs=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_scikit_images(pictures, channels: int):
    clean, noisy = (array[..., :channels] for array in pictures)
    reference = structural_similarity(
        clean, noisy, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert ssim.compute(tensor(noisy), tensor(clean)).item() == pytest.approx(reference, abs=1e-4)


@given(st.integers(1, 200))
def test_psnr_of_a_constant_error_has_a_closed_form(error: int):
    clean = torch.zeros(2, 3, 16, 16)
    expected = 20 * math.log10(255 / error)
    torch.testing.assert_close(psnr.compute(clean + error / 255, clean), torch.full((2,), expected, dtype=torch.float64))


def test_output_is_clipped_and_rounded_before_it_is_judged():
    clean = torch.full((1, 1, 16, 16), 1.0)
    assert math.isinf(psnr.compute(clean + 5, clean).item())
    assert math.isinf(psnr.compute(clean - 0.4 / 255, clean).item())
    assert ssim.compute(clean, clean).item() == pytest.approx(1)
