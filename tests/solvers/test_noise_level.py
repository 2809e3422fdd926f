"""The estimated noise level against scikit-image."""

import pytest
import torch
from skimage.restoration import estimate_sigma

from darkroom.core.images import to_float
from darkroom.data.embedded import embedded
from darkroom.operators.noise import Gaussian
from darkroom.solvers.noise_level import estimate_noise_level


@pytest.mark.parametrize(
    "shape", [(3, 60, 80), (1, 61, 80), (3, 60, 81), (2, 61, 83), (1, 5, 5), (1, 8, 6), (1, 6, 8), (1, 2, 5)]
)
def test_it_is_scikit_images(shape):
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    theirs = estimate_sigma(image.numpy(), channel_axis=0, average_sigmas=True)
    assert estimate_noise_level(image) == pytest.approx(theirs, rel=1e-10)


def test_it_is_scikit_images_on_a_photograph_with_flat_parts():
    image = to_float(embedded("train")[4])
    theirs = estimate_sigma(image.double().numpy(), channel_axis=0, average_sigmas=True)
    assert estimate_noise_level(image) == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("sigma", [5.0, 25.0, 50.0])
def test_the_noise_level_is_estimated(sigma: float):
    noisy, _ = Gaussian(sigma)(torch.full((3, 100, 90), 0.5), torch.Generator().manual_seed(0))
    assert 255 * estimate_noise_level(noisy) == pytest.approx(sigma, rel=0.05)


def test_it_is_zero_where_there_is_nothing_to_see():
    assert estimate_noise_level(torch.rand(1, 1, 40)) == 0  # too small for a wavelet coefficient
    assert estimate_noise_level(torch.zeros(3, 20, 40)) == 0
