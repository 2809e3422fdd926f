import math

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.deblur import Deblurrer, as_denoiser
from darkroom.engine.restorer import Restorer
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.safmn import SAFMN
from darkroom.operators.blur import BlurredPair
from darkroom.solvers.classical import total_variation


class TotalVariation(RestorationNetwork):
    """Total variation as a noise-conditional network."""

    channels, halo, noise_conditional = 1, 64, True

    def forward(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return torch.stack([total_variation(x, float(level)) for x, level in zip(noisy.float(), sigma, strict=True)])


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    inner = (..., slice(16, -16), slice(16, -16))
    return -10 * math.log10(float((a - b)[inner].square().mean()))


@pytest.mark.parametrize("solver", ["hqs", "ista", "fista"])
@pytest.mark.parametrize("grey", [True, False])
def test_a_blurred_photograph_becomes_sharp_and_keeps_its_size(solver, grey: bool):
    clean = to_float(embedded("heldout", grey=grey)[0][:, 80:190, 120:250])
    kernel = torch.rand(13, 13, generator=generator(5)) ** 8
    blurred = BlurredPair(kernel, 2.55, "valid", True)(clean, generator(0)).input
    restorer = Restorer(TotalVariation(), precision="32")
    reports: list[tuple[int, int]] = []
    deblurred = Deblurrer(restorer, kernel, 2.55, solver=solver, steps=6)(blurred, lambda n, total: reports.append((n, total)))
    target = clean[:, 6:-6, 6:-6]
    assert deblurred.shape == blurred.shape == target.shape and reports == [(n, 6) for n in range(1, 7)]
    assert psnr(deblurred, target) > psnr(blurred, target) + 3
    estimated = Deblurrer(restorer, kernel, None, solver=solver, steps=6)(blurred)
    assert psnr(estimated, target) > psnr(blurred, target) + 2


def test_invalid_kernels_noise_levels_and_networks_are_refused():
    restorer = Restorer(TotalVariation(), precision="32")
    image = torch.rand(1, 20, 30)
    for call, words in [
        (lambda: Deblurrer(restorer, torch.ones(21, 3), 2.55)(image), "kernel of 3x21 is larger than the image of 30x20"),
        (lambda: Deblurrer(restorer, torch.ones(3, 3), 0.0)(image), "above 0: give --sigma above 0, not 0"),
        (
            lambda: Deblurrer(Restorer(SAFMN(2, 8, 1), precision="32"), torch.ones(3, 3), 2.55),
            "requires a denoiser as the prior; this network upscales by 2",
        ),
    ]:
        with pytest.raises(DarkroomError, match=words):
            call()


class Amplifier(RestorationNetwork):
    """A network that amplifies noise."""

    channels, halo = 1, 0

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        return 3 * noisy


def test_when_the_solver_diverges_the_best_iterate_is_returned_with_a_remark():
    blurred = torch.rand(1, 24, 30, generator=generator(0))
    deblurrer = Deblurrer(Restorer(Amplifier(), precision="32"), torch.ones(3, 3), 2.55, solver="ista", steps=40)
    deblurred = deblurrer(blurred)
    assert "diverged; this is the best iterate, step" in deblurrer.remark and deblurred.isfinite().all()


def test_a_blind_network_ignores_the_noise_level():
    blind = Restorer(DnCNN(1, 4, 3).initialise(generator(0)), precision="32")
    image = torch.rand(1, 12, 12)
    assert torch.equal(blind(image, sigma=5.0), blind(image))
    assert torch.equal(as_denoiser(blind)(image, 0.1), blind(image))


def test_a_restorer_is_a_denoiser_in_the_images_units():
    restorer = Restorer(TotalVariation(), precision="32")
    image = torch.rand(1, 30, 40)
    torch.testing.assert_close(as_denoiser(restorer)(image, 0.1), restorer(image, sigma=25.5))


def test_construction_runs_nothing():
    class Forbidden(TotalVariation):
        def forward(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            raise AssertionError("the network was run")

    deblurrer = Deblurrer(Restorer(Forbidden(), precision="bf16"), torch.ones(3, 3), 2.55)
    assert deblurrer.scale == 1
    with pytest.raises(AssertionError, match="was run"):
        deblurrer.arithmetic  # noqa: B018
