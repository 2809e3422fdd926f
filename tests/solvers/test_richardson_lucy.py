"""Richardson–Lucy against scikit-image, on saturated images, and where it has to stop."""

import numpy as np
import pytest
import torch
from skimage.restoration import richardson_lucy as of_scikit_image

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.operators.blur import Blur
from darkroom.operators.kernel_field import KernelField, uniform_field
from darkroom.operators.linear_light import from_linear, to_linear
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair
from darkroom.operators.varying_blur import VaryingBlur
from darkroom.solvers.blind import Restoration, restorations
from darkroom.solvers.iterate import solve
from darkroom.solvers.richardson_lucy import response, response_slope, richardson_lucy
from tests.operators.operators import matrix_of
from tests.operators.test_varying_blur import random_field


def psnr(x: torch.Tensor, y: torch.Tensor) -> float:
    return -10 * torch.log10((x - y).square().mean()).item()


def last(iterates):
    *_, final = iterates
    return final.u


@pytest.mark.parametrize("kernel", [torch.ones(5, 5), torch.rand(3, 7, generator=torch.Generator().manual_seed(0))])
def test_on_a_uniform_blur_it_is_scikit_image_s(kernel: torch.Tensor):
    image = torch.zeros(48, 52, dtype=torch.float64)  # black far into the image: there the boundary plays no part
    image[12:36, 12:40] = torch.rand(24, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    blur = Blur(kernel.double(), 48, 52, "circular")
    y = blur(image)[None].clamp(min=0)
    start = torch.full_like(y, 0.5)
    ours = last(richardson_lucy(blur, y, start=start, steps=6))[0]
    theirs = of_scikit_image(y[0].numpy(), blur.kernel.numpy(), num_iter=6, clip=False, filter_epsilon=1e-6)
    np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-4)
    field = uniform_field(blur.kernel, 48, 52)
    torch.testing.assert_close(last(richardson_lucy(VaryingBlur(field, "circular"), y, start=start, steps=6))[0], ours)


def test_an_iteration_is_the_formula_with_dense_matrices():
    blur = VaryingBlur(random_field(3, 3, 3, 6, 7))
    h = matrix_of(blur)
    x, y = (torch.rand(1, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(n)) for n in (1, 2))
    expected = x.flatten() * (h.T @ (y.flatten() / (h @ x.flatten()))) / h.sum(0)
    found = last(richardson_lucy(blur, y, start=x, steps=1))
    torch.testing.assert_close(found.flatten(), expected, rtol=1e-5, atol=1e-7)
    assert (blur(found).sum() - y.sum()).abs() < 0.02 * y.sum()  # light is kept
    dim = 0.9 * x  # nothing above the threshold: the plain formula with the response
    slope, light = response_slope(h @ dim.flatten()), response(h @ dim.flatten())
    saturated = dim.flatten() * (h.T @ (y.flatten() * slope / light + 1 - slope)) / h.sum(0)
    torch.testing.assert_close(
        last(richardson_lucy(blur, y, start=dim, steps=1, saturation=True)).flatten(), saturated, rtol=1e-5, atol=1e-7
    )


def test_the_response_is_a_smooth_minimum_with_its_derivative():
    v = torch.linspace(0, 2, 201, dtype=torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(response(v).sum(), v)
    torch.testing.assert_close(slope, response_slope(v))
    assert (response(v) - v.clamp(max=1)).abs().max() < 0.015 and response(torch.tensor(1e3)).item() == pytest.approx(1)


def shaken_photograph(sigma: float):
    clean = to_float(embedded("heldout")[0])[:, 60:188, 100:228].contiguous()
    pair = ShakenPair(CameraShake(17, steps=400, length=25.0, exposures=(1.0,)), 1, sigma, quantised=False, field_given=True)
    shaken, _, field = pair(clean, generator(4))
    return shaken[None], clean[None, :, 8:-8, 8:-8], KernelField(*(part[None] for part in field))


def test_it_restores_and_has_to_stop_early_where_there_is_noise():
    shaken, sharp, field = shaken_photograph(0.0)
    clean_curve = [psnr(x, sharp) for x in restorations(shaken, field, Restoration(40, saturation=False))]
    assert clean_curve[-1] == max(clean_curve) > psnr(shaken, sharp) + 4
    noisy, _, _ = shaken_photograph(5.0)
    noisy_curve = [psnr(x, sharp) for x in restorations(noisy, field, Restoration(80, saturation=False))]
    best = noisy_curve.index(max(noisy_curve)) + 1
    assert 2 < best < 60 and noisy_curve[-1] < max(noisy_curve) - 0.4


def test_the_discrepancy_principle_stops_it():
    shaken, _, field = shaken_photograph(0.0)
    blur = VaryingBlur(KernelField(*(part[0] for part in field)), "circular")
    light = to_linear(shaken[0])
    y = (blur(light) + 0.02 * torch.randn(light.shape, generator=generator(1))).clamp(min=0)
    solution = solve(richardson_lucy(blur, y, start=y, steps=100), discrepancy=0.02)
    assert solution.status == "discrepancy" and 1 <= solution.steps < 60 and solution.residuals[-1] <= 0.02


def test_clipped_lights_are_restored_better_with_the_response():
    scene = torch.full((1, 64, 64), 0.1)
    scene[:, 30:34, 30:34] = 6.0  # a lamp, far beyond what the sensor holds
    scene[:, 10:14, 8:56] = 0.4
    kernel = CameraShake(15, steps=400, length=20.0, exposures=(1.0,))(generator(2))
    blur = Blur(kernel, 64, 64, "circular")
    y = blur(scene).clamp(0, 1)
    assert (y == 1).float().mean() > 0.005
    errors = []
    for saturation in (False, True):
        restored = last(richardson_lucy(blur, y, start=y, steps=60, saturation=saturation))
        around = torch.ones(64, 64, dtype=torch.bool)
        around[28:36, 28:36] = False
        errors.append((restored - scene)[0][around].abs().mean().item())
    assert errors[1] < 0.7 * errors[0]


def test_total_variation_smooths():
    shaken, sharp, field = shaken_photograph(5.0)
    plain, smooth = (
        list(restorations(shaken, field, Restoration(40, saturation=False, smoothing=weight)))[-1] for weight in (0.0, 0.01)
    )

    def roughness(x: torch.Tensor) -> float:
        return (x.diff(dim=-1).abs().mean() + x.diff(dim=-2).abs().mean()).item()

    assert roughness(smooth) < 0.9 * roughness(plain) and psnr(smooth, sharp) > psnr(plain, sharp)
    with pytest.raises(DarkroomError, match="from 0 to 0.2, given 0.3"):
        last(
            richardson_lucy(
                Blur(torch.ones(1, 3), 4, 5, "circular"), torch.ones(1, 4, 5), start=torch.ones(1, 4, 5), smoothing=0.3
            )
        )
    with pytest.raises(DarkroomError, match="at least 1 step, given 0"):
        last(richardson_lucy(Blur(torch.ones(1, 3), 4, 5, "circular"), torch.ones(1, 4, 5), start=torch.ones(1, 4, 5), steps=0))


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("size", [(20, 30), (2, 3)])
def test_black_and_saturated_images_stay_what_they_are_at_any_size(level: float, size: tuple[int, int]):
    field = random_field(2, 9, 9, *size)
    batch = KernelField(*(part.float()[None] for part in field))
    image = torch.full((1, 3, *size), level)
    (*_, restored) = restorations(image, batch, Restoration(5, smoothing=0.01))
    assert restored.shape == image.shape
    torch.testing.assert_close(restored, image, atol=0.02, rtol=0)


def test_invalid_fields_are_one_line():
    field = KernelField(torch.full((1, 1, 3, 3), 0.2), torch.ones(1, 1, 8, 8))
    with pytest.raises(DarkroomError, match=r"each kernel of a field must sum to 1; kernel 0 sums to 1.8"):
        next(iter(restorations(torch.rand(1, 3, 8, 8), field)))


def test_coding_is_undone_where_images_are_linear():
    shaken, _sharp, field = shaken_photograph(0.0)
    (*_, coded) = restorations(shaken, field, Restoration(3))
    (*_, light) = restorations(to_linear(shaken), field, Restoration(3, gamma=1.0))
    torch.testing.assert_close(from_linear(light), coded, atol=1e-4, rtol=1e-3)
