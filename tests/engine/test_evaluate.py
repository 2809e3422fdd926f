import math

import pytest
import torch

from darkroom.core.method import Pair
from darkroom.data.embedded import embedded
from darkroom.data.pictures import Pictures
from darkroom.engine.evaluate import answers, summarise
from darkroom.engine.run import Judge
from darkroom.metrics.fidelity import psnr
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.solvers.classical import told, unchanged

CPU = torch.device("cpu")


def noisy_psnr(sigma: float) -> float:
    """Of unclipped noise, clipped to [0, 1] afterwards: at most a little above 20 log10(255 / sigma)."""
    return 20 * math.log10(255 / sigma)


def test_the_same_noise_for_every_picture_and_every_contender():
    judge = Judge(embedded("heldout").first(2), NoisyPair(Gaussian(25.0)), (psnr,), {"sigma": 25.0})
    seen: list[Pair] = []

    def watch(pair: Pair) -> torch.Tensor:
        seen.append(pair)
        return pair.source

    first, second = list(answers(watch, judge, CPU)), list(answers(watch, judge, CPU))
    assert [a.scores for a in first] == [b.scores for b in second]
    noises = [pair.source - pair.target for pair in seen]
    assert torch.equal(noises[0], noises[2])
    flat = [noise.flatten()[:1000] for noise in noises]
    torch.testing.assert_close(flat[0], flat[1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("sigma", [5.0, 15.0])
def test_the_noisy_input_has_its_known_psnr(sigma: float):
    judge = Judge(embedded("heldout").first(1), NoisyPair(Gaussian(sigma)), (psnr,), {"sigma": sigma})
    value = summarise("noisy", judge, list(answers(told(unchanged, sigma), judge, CPU)))[0].value
    assert noisy_psnr(sigma) - 0.1 < value < noisy_psnr(sigma) + 0.6


def test_a_summary_is_the_mean_with_its_deviation():
    judge = Judge(embedded("heldout"), NoisyPair(Gaussian((0.0, 50.0))), (psnr,))
    answered = list(answers(lambda pair: pair.source, judge, CPU))
    (result,) = summarise("noisy", judge, answered)
    values = torch.tensor([answer.scores["psnr"] for answer in answered], dtype=torch.float64)
    assert result.count == 3 and result.values == values.tolist()
    assert result.value == pytest.approx(values.mean().item())
    assert result.deviation == pytest.approx(values.std().item())
    line = result.line()
    assert "varied" not in line and line["metric"] == "psnr" and line["dataset"] == "embedded-heldout"


def test_pictures_of_different_sizes_are_judged_one_by_one():
    judge = Judge(Pictures("x", lambda: embedded("heldout").files), NoisyPair(Gaussian(25.0), told=True), (psnr,))
    shapes = []
    list(answers(lambda pair: shapes.append((tuple(pair.source.shape), pair.given[0].shape)) or pair.source, judge, CPU))
    assert [given for _, given in shapes] == [(1,)] * 3
    assert len({shape for shape, _ in shapes}) == 3
