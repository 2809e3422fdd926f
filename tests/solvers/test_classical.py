import pytest
import torch

from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.data.embedded import embedded
from darkroom.metrics.fidelity import psnr
from darkroom.operators.noise import Gaussian
from darkroom.solvers import classical
from darkroom.solvers.noise_level import estimate_noise_level


@pytest.mark.parametrize("name", list(classical.available()))
@pytest.mark.parametrize("grey", [True, False])
def test_every_classical_denoiser_denoises(name: str, grey: bool):
    clean = to_float(embedded("heldout", grey=grey)[0][:, 100:196, 200:300])
    noisy, level = Gaussian(25.0)(clean, torch.Generator().manual_seed(0))
    denoised = classical.available()[name](noisy, level.item())
    assert denoised.shape == clean.shape and denoised.dtype == torch.float32
    gain = (psnr(denoised[None], clean[None]) - psnr(noisy[None], clean[None])).item()
    assert gain == 0 if name == "noisy input" else gain > 3


@pytest.mark.parametrize("name", list(classical.available()))
def test_an_image_without_noise_is_returned(name: str):
    for clean in (torch.zeros(1, 24, 20), torch.zeros(3, 24, 20), torch.rand(3, 24, 20)):
        assert torch.equal(classical.available()[name](clean, 0.0), clean)


@pytest.mark.skipif("BM3D" not in classical.available(), reason="the package bm3d is not installed")
def test_bm3d_runs_in_one_thread_so_that_it_can_be_repeated():
    import bm3d

    clean = to_float(embedded("heldout", grey=True)[0][:, 100:148, 200:250])
    noisy, level = Gaussian(25.0)(clean, torch.Generator().manual_seed(0))

    def threads(number: int) -> torch.Tensor:
        profile = bm3d.BM3DProfile()
        profile.num_threads = number
        return torch.from_numpy(bm3d.bm3d(noisy[0].double().numpy(), level.item(), profile)).float()[None]

    ours = classical.bm3d(noisy, level.item())
    assert torch.equal(ours, threads(1)) and not torch.equal(ours, threads(3))


def test_baselines_denoise_every_image_of_a_batch_at_the_given_level():
    noisy = torch.rand(2, 3, 24, 20)
    baselines = classical.baselines(25.0)
    assert list(baselines) == list(classical.available())
    expected = torch.stack([classical.total_variation(image, 25 / 255) for image in noisy])
    assert torch.equal(baselines["total variation"](Example(noisy, noisy)), expected)


@pytest.mark.parametrize("sigma", [5.0, 25.0, 50.0])
def test_the_noise_level_is_estimated(sigma: float):
    noisy, _ = Gaussian(sigma)(torch.full((3, 100, 90), 0.5), torch.Generator().manual_seed(0))
    assert 255 * estimate_noise_level(noisy) == pytest.approx(sigma, rel=0.05)
    assert estimate_noise_level(torch.rand(1, 1, 40)) == 0  # too small for a wavelet coefficient
