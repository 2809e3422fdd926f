import math

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.data.kernels import Blurs, drawn
from darkroom.engine.deblur import Deblurrer
from darkroom.engine.evaluate import answers, summarise, traced
from darkroom.engine.restore import Restorer
from darkroom.engine.run import Evaluation
from darkroom.methods.plug_and_play import PlugAndPlay
from darkroom.metrics.fidelity import psnr_within, ssim_within
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.safmn import SAFMN
from darkroom.operators.blur import BlurredPair
from darkroom.solvers.classical import total_variation
from darkroom.solvers.deblur import iterates


class Smoother(RestorationNetwork):
    """A denoiser that nobody trained."""

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
    kernel = drawn()["drawn1"]
    blurred = BlurredPair(kernel, 2.55, "valid", True)(clean, generator(0)).source
    restorer = Restorer(Smoother(), precision="32")
    told: list[tuple[int, int]] = []
    answer = Deblurrer(restorer, kernel, 2.55, solver=solver, steps=6)(blurred, lambda n, total: told.append((n, total)))
    truth = clean[:, 6:-6, 6:-6]
    assert answer.shape == blurred.shape == truth.shape and told == [(n, 6) for n in range(1, 7)]
    assert psnr(answer, truth) > psnr(blurred, truth) + 3
    estimated = Deblurrer(restorer, kernel, None, solver=solver, steps=6)(blurred)
    assert psnr(estimated, truth) > psnr(blurred, truth) + 2


def test_what_cannot_be_deblurred_is_said():
    restorer = Restorer(Smoother(), precision="32")
    image = torch.rand(1, 20, 30)
    for call, words in [
        (lambda: Deblurrer(restorer, torch.ones(21, 3), 2.55)(image), "kernel of 3x21 is larger than the image of 30x20"),
        (lambda: Deblurrer(restorer, torch.ones(3, 3), 0.0)(image), "cannot be 0: give a --sigma"),
        (
            lambda: Deblurrer(Restorer(SAFMN(2, 8, 1), precision="32"), torch.ones(3, 3), 2.55),
            "enlarges 2 times is no denoiser",
        ),
    ]:
        with pytest.raises(DarkroomError, match=words):
            call()


class Amplifier(RestorationNetwork):
    """What no denoiser should be."""

    channels, halo = 1, 0

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        return 3 * noisy


def test_a_walk_that_diverges_leaves_its_best_and_says_so():
    blurred = torch.rand(1, 24, 30, generator=generator(0))
    deblurrer = Deblurrer(Restorer(Amplifier(), precision="32"), torch.ones(3, 3), 2.55, solver="ista", steps=40)
    answer = deblurrer(blurred)
    assert "diverged; this is its best, step" in deblurrer.remark and answer.isfinite().all()


def test_a_walk_is_scored_step_by_step_and_every_kernel_is_a_question():
    prior = Smoother()

    def denoise(noisy: torch.Tensor, sigma: float) -> torch.Tensor:
        return prior(noisy[None], torch.tensor([sigma]))[0]

    def walk(batch: Example):
        (kernel,), (sigma,) = batch.condition
        return (i.u[None] for i in iterates(denoise, batch.input[0], kernel, float(sigma), steps=4))

    method = PlugAndPlay(walk)
    images = embedded("heldout", grey=True).first(1)
    evaluation = Evaluation(images, Blurs(drawn, 2.55, "valid", True), (psnr_within(20), ssim_within(20)), {"sigma": 2.55})
    answered = list(answers(method.iterates, evaluation, torch.device("cpu")))
    assert [answer.name for answer in answered] == ["astronaut 1", "astronaut 2"]
    assert all(len(answer.trace) == 4 and answer.trace[-1] == answer.scores for answer in answered)
    assert torch.equal(
        method.predict(Example(*(x[None] for x in answered[0].pair[:2]), tuple(g[None] for g in answered[0].pair.condition)))[
            0
        ],
        answered[0].prediction,
    )
    curve = [value for step, name, value in traced(evaluation, answered) if name == "psnr_crop20@embedded-heldout sigma 2.55"]
    assert len(curve) == 4 and curve[-1] == pytest.approx(summarise("ours", evaluation, answered)[0].value)
    plain = list(answers(lambda batch: batch.target, evaluation, torch.device("cpu")))
    assert plain[0].trace == () and traced(evaluation, plain) == []


def test_a_blind_network_is_left_to_itself():
    blind = Restorer(DnCNN(1, 4, 3).initialise(generator(0)), precision="32")
    image = torch.rand(1, 12, 12)
    assert torch.equal(blind(image, sigma=5.0), blind(image))
