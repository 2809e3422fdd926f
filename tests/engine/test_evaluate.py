import math

import pytest
import torch

from darkroom.core.method import Example
from darkroom.data.embedded import embedded
from darkroom.data.image_set import ImageSet
from darkroom.engine.evaluate import answers, summarise
from darkroom.engine.run import Evaluation
from darkroom.metrics.fidelity import psnr
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.solvers.classical import told, unchanged

CPU = torch.device("cpu")


def noisy_psnr(sigma: float) -> float:
    """Of unclipped noise, clipped to [0, 1] afterwards: at most a little above 20 log10(255 / sigma)."""
    return 20 * math.log10(255 / sigma)


def test_the_same_noise_for_every_picture_and_every_contender():
    evaluation = Evaluation(embedded("heldout").first(2), NoisyPair(Gaussian(25.0)), (psnr,), {"sigma": 25.0})
    seen: list[Example] = []

    def watch(pair: Example) -> torch.Tensor:
        seen.append(pair)
        return pair.input

    first, second = list(answers(watch, evaluation, CPU)), list(answers(watch, evaluation, CPU))
    assert [a.scores for a in first] == [b.scores for b in second]
    noises = [pair.input - pair.target for pair in seen]
    assert torch.equal(noises[0], noises[2])
    flat = [noise.flatten()[:1000] for noise in noises]
    torch.testing.assert_close(flat[0], flat[1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("sigma", [5.0, 15.0])
def test_the_noisy_input_has_its_known_psnr(sigma: float):
    evaluation = Evaluation(embedded("heldout").first(1), NoisyPair(Gaussian(sigma)), (psnr,), {"sigma": sigma})
    value = summarise("noisy", evaluation, list(answers(told(unchanged, sigma), evaluation, CPU)))[0].value
    assert noisy_psnr(sigma) - 0.1 < value < noisy_psnr(sigma) + 0.6


def test_a_summary_is_the_mean_with_its_deviation():
    evaluation = Evaluation(embedded("heldout"), NoisyPair(Gaussian((0.0, 50.0))), (psnr,))
    answered = list(answers(lambda pair: pair.input, evaluation, CPU))
    (result,) = summarise("noisy", evaluation, answered)
    values = torch.tensor([answer.scores["psnr"] for answer in answered], dtype=torch.float64)
    assert result.count == 3 and result.values == values.tolist()
    assert result.value == pytest.approx(values.mean().item())
    assert result.deviation == pytest.approx(values.std().item())
    line = result.line()
    assert "variant" not in line and line["metric"] == "psnr" and line["dataset"] == "embedded-heldout"


def test_pictures_of_different_sizes_are_judged_one_by_one():
    evaluation = Evaluation(
        ImageSet("x", lambda: embedded("heldout").files), NoisyPair(Gaussian(25.0), noise_conditional=True), (psnr,)
    )
    shapes = []
    list(answers(lambda pair: shapes.append((tuple(pair.input.shape), pair.condition[0].shape)) or pair.input, evaluation, CPU))
    assert [given for _, given in shapes] == [(1,)] * 3
    assert len({shape for shape, _ in shapes}) == 3
