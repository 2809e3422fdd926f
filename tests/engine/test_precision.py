import math

import pytest
import torch
from torch import Tensor

from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine import precision
from darkroom.engine.precision import CHECKED_SIGMAS, bf16_difference, has_fast_bf16
from darkroom.operators.noise import Gaussian


@pytest.mark.parametrize("instructions", [{}, {"avx512_bf16": True}, {"amx_bf16": True}])
@pytest.mark.parametrize(("gain", "fast"), [(0.6, False), (1.1, False), (3.0, True)])
def test_instructions_for_bfloat16_count_only_where_they_are_measured_to_be_faster(monkeypatch, instructions, gain, fast):
    """A Xeon with avx512_bf16 and without AMX took 1.6 times as long in bfloat16."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions)
    monkeypatch.setattr(precision, "bf16_gain", lambda: gain)
    assert has_fast_bf16(torch.device("cpu")) == (fast and bool(instructions))
    assert not has_fast_bf16(torch.device("meta"))


def test_the_measurement_is_made_once_a_process():
    assert precision.bf16_gain() > 0
    assert precision.bf16_gain() == precision.bf16_gain()


def test_the_difference_is_the_largest_change_of_psnr_over_the_noise_levels():
    clean = to_float(embedded("heldout", grey=True)[0][:, 150 : 150 + 96, 180 : 180 + 96])
    sigmas: list[float] = []

    def run(batch: Tensor, sigma: float, *, bf16: bool) -> Tensor:
        sigmas.append(sigma)
        expected = Gaussian(sigma)(clean, generator("self-check"))[0][None]
        assert torch.equal(batch, expected)
        error = {10.0: 0.1, 25.0: 0.2, 50.0: 0.1}[sigma] if bf16 else 0.1
        return (clean + error)[None].clamp(max=2)

    found = bf16_difference(run, channels=1, scale=1)
    assert sigmas == [sigma for sigma in CHECKED_SIGMAS for _ in range(2)]
    # PSNR clips the prediction, so that doubling the error does not give exactly 6.02 dB.
    assert 4 < found < 6.1
    assert bf16_difference(lambda batch, sigma, bf16: batch, channels=1, scale=1, sigma=30.0) == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_output_that_is_not_finite_does_not_pass(value: float):
    def run(batch: Tensor, sigma: float, *, bf16: bool) -> Tensor:
        return batch + value if bf16 else batch

    assert bf16_difference(run, channels=3, scale=1) > 5


def test_super_resolution_is_checked_on_a_downscaled_image_without_noise():
    def run(batch: Tensor, sigma: float, *, bf16: bool) -> Tensor:
        assert batch.shape == (1, 3, 48, 48) and sigma == 0
        return torch.nn.functional.interpolate(batch, scale_factor=2)

    assert bf16_difference(run, channels=3, scale=2) == 0


def test_the_loss_is_the_largest_fall_of_the_psnr():
    clean = to_float(embedded("heldout")[0][:, 150 : 150 + 96, 180 : 180 + 96])

    def restores(errors: tuple[float, float, float]):
        return lambda image, *, sigma: clean + dict(zip(CHECKED_SIGMAS, errors, strict=True))[sigma]

    reference = restores((0.05, 0.1, 0.05))
    assert 4 < precision.psnr_loss(reference, restores((0.05, 0.2, 0.02)), 3, 1) < 6.1
    assert -6.1 < precision.psnr_loss(reference, restores((0.025, 0.05, 0.025)), 3, 1) < -4
    assert precision.psnr_loss(reference, restores((math.nan, 0.1, 0.05)), 3, 1) == math.inf
