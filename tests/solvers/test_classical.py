import numpy as np
import pytest
import torch
from skimage.restoration import denoise_tv_chambolle

from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.data.embedded import embedded
from darkroom.metrics.fidelity import psnr
from darkroom.operators.noise import Gaussian
from darkroom.solvers import classical


@pytest.mark.parametrize("name", list(classical.available()))
@pytest.mark.parametrize("grey", [True, False])
def test_every_classical_denoiser_denoises(name: str, grey: bool):
    clean = to_float(embedded("heldout", grey=grey)[0][:, 100:196, 200:300])
    noisy, level = Gaussian(25.0)(clean, torch.Generator().manual_seed(0))
    denoised = classical.available()[name](noisy, level.item())
    assert denoised.shape == clean.shape and denoised.dtype == torch.float32
    gain = (psnr(denoised[None], clean[None]) - psnr(noisy[None], clean[None])).item()
    assert gain == 0 if name == "noisy input" else gain > 3


@pytest.mark.parametrize(("shape", "sigma"), [((1, 40, 33), 25 / 255), ((3, 20, 41), 5 / 255), ((1, 1, 9), 0.5)])
def test_the_total_variation_is_scikit_images(shape: tuple[int, ...], sigma: float):
    noisy = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    theirs = denoise_tv_chambolle(noisy.numpy(), classical.TV_WEIGHT_PER_SIGMA * sigma, max_num_iter=200, channel_axis=0)
    np.testing.assert_allclose(classical.total_variation(noisy, sigma).numpy(), theirs, atol=1e-12)


def test_without_scikit_image_its_denoisers_are_not_in_tables(monkeypatch):
    monkeypatch.setattr(classical.importlib.util, "find_spec", lambda name: None)
    assert list(classical.available()) == ["noisy input", "total variation"]


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
