import math

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import peak_signal_noise_ratio as torchmetrics_psnr

from darkroom.core.errors import DarkroomError
from darkroom.metrics.fidelity import (
    l1,
    luma,
    luma_uint8,
    psnr,
    psnr_within,
    psnr_y,
    psnr_y_uint8,
    ssim,
    ssim_within,
    ssim_y,
    ssim_y_uint8,
)


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


def test_luma_is_scikit_images(images):
    clean, _ = images
    expected = skimage.color.rgb2ycbcr(clean)[..., 0]
    np.testing.assert_allclose(255 * luma(tensor(clean))[0, 0].numpy(), expected, atol=1e-10)
    # scikit-image adds in another order, so a half may be rounded to the other side.
    distance = np.abs(255 * luma_uint8(tensor(clean))[0, 0].numpy() - np.floor(expected + 0.5))
    assert np.mean(distance > 1e-9) < 1e-3 and distance.max() < 1 + 1e-9


def test_luma_rounds_the_image_but_not_itself():
    image = torch.tensor([100.4, 50.4, 200.4]).view(1, 3, 1, 1) / 255
    y = 16 + (65.481 * 100 + 128.553 * 50 + 24.966 * 200) / 255  # 86.47
    assert 255 * luma(image).item() == pytest.approx(y, abs=1e-10)
    assert 255 * luma_uint8(image).item() == pytest.approx(86, abs=1e-10)
    grey = torch.tensor([100.4]).view(1, 1, 1, 1) / 255
    assert 255 * luma(grey).item() == pytest.approx(100) and 255 * luma_uint8(grey).item() == pytest.approx(100)


@pytest.mark.parametrize("border", [2, 4])
@pytest.mark.parametrize("rounded", [False, True])
def test_psnr_and_ssim_on_luma_are_those_of_other_libraries(images, border: int, rounded: bool):
    y_clean, y_noisy = (skimage.color.rgb2ycbcr(x)[..., 0][border:-border, border:-border] for x in images)
    if rounded:  # MATLAB's uint8
        y_clean, y_noisy = (np.floor(y + 0.5) for y in (y_clean, y_noisy))
    of_psnr, of_ssim = (psnr_y_uint8, ssim_y_uint8) if rounded else (psnr_y, ssim_y)
    clean, noisy = (tensor(x) for x in images)
    measured = of_psnr(border)(noisy, clean).item()
    assert measured == pytest.approx(peak_signal_noise_ratio(y_clean, y_noisy, data_range=255), abs=1e-4)
    by_torchmetrics = torchmetrics_psnr(torch.from_numpy(y_noisy), torch.from_numpy(y_clean), data_range=255.0)
    assert measured == pytest.approx(by_torchmetrics.item(), abs=1e-4)
    reference = structural_similarity(
        y_clean, y_noisy, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert of_ssim(border)(noisy, clean).item() == pytest.approx(reference, abs=1e-5)


def test_rounding_luma_lowers_psnr_and_has_a_name_of_its_own(images):
    clean = tensor(images[0])
    near = clean + 3 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    assert psnr_y(2)(near, clean).item() > psnr_y_uint8(2)(near, clean).item() + 0.05
    made = [protocol(border) for protocol in (psnr_y, psnr_y_uint8, ssim_y, ssim_y_uint8) for border in (2, 4)]
    assert len({metric.name for metric in made}) == len({metric.definition for metric in made}) == 8
    assert len({metric.title for metric in made}) == 4


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


@pytest.mark.parametrize("metric", [psnr, psnr_y(2), psnr_y_uint8(2), psnr_within(2)])
def test_decibels_have_two_digits_and_an_absolute_tolerance(metric):
    record = metric.describe()
    assert (record.digits, record.tolerance, record.relative_tolerance) == (2, 0.1, 0.0)
    assert record.heading.endswith("(dB)") and record.higher_is_better


@pytest.mark.parametrize("metric", [l1, ssim, ssim_y(2), ssim_y_uint8(2), ssim_within(2)])
def test_other_metrics_have_four_digits_and_a_relative_tolerance(metric):
    record = metric.describe()
    assert (record.digits, record.tolerance, record.relative_tolerance, record.unit) == (4, 0.0, 0.03, "")
