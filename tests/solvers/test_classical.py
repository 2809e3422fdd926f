import pytest
import torch

from darkroom.core.images import to_float
from darkroom.data.embedded import embedded
from darkroom.metrics.fidelity import psnr
from darkroom.operators.noise import Gaussian
from darkroom.solvers import classical


@pytest.mark.parametrize("name", list(classical.available()))
@pytest.mark.parametrize("grey", [True, False])
def test_every_classical_denoiser_denoises(name: str, grey: bool):
    clean = to_float(embedded("heldout", grey=grey)[0][:, 100:196, 200:300])
    noisy, level = Gaussian(25.0)(clean, torch.Generator().manual_seed(0))
    answer = classical.available()[name](noisy, level.item())
    assert answer.shape == clean.shape and answer.dtype == torch.float32
    gain = (psnr.compute(answer[None], clean[None]) - psnr.compute(noisy[None], clean[None])).item()
    assert gain == 0 if name == "noisy input" else gain > 3
