"""Wiener's filter and Richardson–Lucy as baselines against scikit-image."""

import numpy as np
import pytest
import torch
from skimage import restoration
from torch.nn.functional import pad

from darkroom.operators.blur import Blur
from darkroom.solvers.deconvolution import BALANCE_PER_VARIANCE, pad_to_input, richardson_lucy, wiener

KERNELS = [torch.rand(5, 7, generator=torch.Generator().manual_seed(1)), torch.ones(1, 5), torch.ones(3, 3)]


def blurred(kernel: torch.Tensor, boundary: str, size: tuple[int, int] = (40, 51)) -> tuple[Blur, torch.Tensor]:
    blur = Blur(kernel.double(), *size, boundary)
    return blur, blur(torch.rand(2, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(2)))


@pytest.mark.parametrize("size", [(40, 51), (41, 50)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_wiener_is_scikit_images(kernel: torch.Tensor, size: tuple[int, int]):
    blur, y = blurred(kernel, "circular", size)
    sigma = 0.02
    theirs = [
        restoration.wiener(channel, blur.kernel.numpy(), BALANCE_PER_VARIANCE * sigma**2, clip=False) for channel in y.numpy()
    ]
    np.testing.assert_allclose(wiener(blur, y, sigma).numpy(), np.stack(theirs), atol=1e-9)


@pytest.mark.parametrize("boundary", ["valid", "circular"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_richardson_lucy_is_scikit_images_on_the_reflected_image(kernel: torch.Tensor, boundary: str):
    blur, y = blurred(kernel, boundary)
    down, right = (2 * margin for margin in blur.margins)
    padded = pad(pad_to_input(blur, y)[None], (right, right, down, down), mode="reflect")[0].numpy()
    theirs = [
        restoration.richardson_lucy(channel, blur.kernel.numpy(), num_iter=8, clip=False, filter_epsilon=1e-6)
        for channel in padded
    ]
    inner = np.stack(theirs)[:, down : down + 40, right : right + 51]
    np.testing.assert_allclose(richardson_lucy(blur, y, 8).numpy(), inner, rtol=1e-8, atol=1e-9)
