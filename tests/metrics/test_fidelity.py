import math

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from darkroom.core.errors import DarkroomError
from darkroom.metrics.fidelity import l1, luma, psnr, psnr_within, psnr_y, ssim, ssim_within, ssim_y


@pytest.fixture(scope="module")
def images():
    clean = skimage.data.astronaut()[100:260, 100:300]
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 20, clean.shape), 0, 255).round().astype(np.uint8)
    return clean, noisy


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255


def test_psnr_is_scikit_images(images):
    clean, noisy = images
    assert psnr(tensor(noisy), tensor(clean)).item() == pytest.approx(peak_signal_noise_ratio(clean, noisy), abs=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_scikit_images(images, channels: int):
    clean, noisy = (array[..., :channels] for array in images)
    reference = structural_similarity(
        clean, noisy, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert ssim(tensor(noisy), tensor(clean)).item() == pytest.approx(reference, abs=1e-4)


@given(st.integers(1, 200))
def test_psnr_of_a_constant_error_has_a_closed_form(error: int):
    clean = torch.zeros(2, 3, 16, 16)
    expected = 20 * math.log10(255 / error)
    torch.testing.assert_close(psnr(clean + error / 255, clean), torch.full((2,), expected, dtype=torch.float64))


def test_predictions_are_clipped_and_rounded():
    clean = torch.full((1, 1, 16, 16), 1.0)
    assert math.isinf(psnr(clean + 5, clean).item())
    assert math.isinf(psnr(clean - 0.4 / 255, clean).item())
    assert ssim(clean, clean).item() == pytest.approx(1)


def test_luma_is_scikit_images_rounded(images):
    clean, _ = images
    expected = skimage.color.rgb2ycbcr(clean)[..., 0].round()
    ours = luma(tensor(clean))[0, 0].numpy() * 255
    assert np.abs(ours - expected).max() <= 1.001 and np.mean(np.abs(ours - expected) > 0.01) < 1e-3


@pytest.mark.parametrize("border", [2, 4])
def test_psnr_and_ssim_on_luma_are_scikit_images_within_the_border(images, border: int):
    clean, noisy = images
    y_clean, y_noisy = (
        skimage.color.rgb2ycbcr(x)[..., 0].round().astype(np.uint8)[border:-border, border:-border] for x in (clean, noisy)
    )
    assert psnr_y(border)(tensor(noisy), tensor(clean)).item() == pytest.approx(
        peak_signal_noise_ratio(y_clean, y_noisy), abs=2e-3
    )
    reference = structural_similarity(
        y_clean, y_noisy, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert ssim_y(border)(tensor(noisy), tensor(clean)).item() == pytest.approx(reference, abs=2e-4)
    assert psnr_y(2).name != psnr_y(4).name


def test_l1_is_the_mean_absolute_error_without_clipping(images):
    clean, noisy = (tensor(x) for x in images)
    assert l1(noisy * 1.7, clean).item() == pytest.approx((noisy * 1.7 - clean).abs().mean().item())
    assert not l1.higher_is_better


def test_an_image_too_small_for_a_protocol_raises():
    small = torch.rand(1, 3, 9, 30)
    with pytest.raises(DarkroomError, match="30x9 is too small for SSIM"):
        ssim(small, small)
    with pytest.raises(DarkroomError, match="4x4 has nothing left when 2 pixels are cropped"):
        psnr_y(2)(small[..., :4, :4], small[..., :4, :4])


def test_shapes_that_differ_raise():
    with pytest.raises(DarkroomError, match="PSNR: the prediction is 1x8x8 .* and its target 3x8x8"):
        psnr(torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8))


def test_the_cropped_metrics_are_the_plain_ones_of_the_inside(images):
    clean, noisy = (tensor(x) for x in images)
    inside = (..., slice(7, -7), slice(7, -7))
    torch.testing.assert_close(psnr_within(7)(noisy, clean), psnr(noisy[inside], clean[inside]))
    torch.testing.assert_close(ssim_within(7)(noisy, clean), ssim(noisy[inside], clean[inside]))


@pytest.mark.parametrize("metric", [psnr, psnr_y(2), psnr_within(2)])
def test_decibels_have_two_digits_and_an_absolute_tolerance(metric):
    record = metric.describe()
    assert (record.digits, record.tolerance, record.relative_tolerance) == (2, 0.1, 0.0)
    assert record.heading.endswith("(dB)") and record.higher_is_better


@pytest.mark.parametrize("metric", [l1, ssim, ssim_y(2), ssim_within(2)])
def test_other_metrics_have_four_digits_and_a_relative_tolerance(metric):
    record = metric.describe()
    assert (record.digits, record.tolerance, record.relative_tolerance, record.unit) == (4, 0.0, 0.03, "")
