import math

import pytest
import torch
from torch import Tensor

from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.precision import CHECKED_SIGMAS, bf16_difference, has_fast_bf16
from darkroom.operators.noise import Gaussian


def test_only_cpus_and_gpus_with_native_bfloat16_are_fast():
    assert not has_fast_bf16(torch.device("meta"))
    with open("/proc/cpuinfo") as file:
        flags = next(line for line in file if line.startswith("flags")).split()
    assert has_fast_bf16(torch.device("cpu")) == bool({"avx512_bf16", "amx_bf16"} & set(flags))


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
