import math

import numpy as np
import pytest
import scipy.special
import torch
from torch import nn

from darkroom.core.errors import DarkroomError
from darkroom.core.metric import ComparedSets
from darkroom.metrics import inception_score as module
from darkroom.metrics.feature_statistics import Gaussians
from darkroom.metrics.features import Features
from darkroom.metrics.inception_score import Divergence, InceptionScore, inception_score

CPU = torch.device("cpu")


class Classifier(nn.Module):
    """Stands for Inception: pixels are the features, and `network.fc` gives the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Module()
        self.network.fc = nn.Linear(12, 5)
        nn.init.normal_(self.network.fc.weight, std=3, generator=torch.Generator().manual_seed(0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


def metric(network: Classifier) -> InceptionScore:
    return InceptionScore("is", "IS", "", "", features=Features("pixels", lambda: network), statistic=Gaussians, kept="")


def test_one_part_is_the_mean_divergence():
    logits = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)).double()
    part = Divergence()
    for batch in logits.split(7):
        part.update(batch.softmax(1))
    p = logits.softmax(1).numpy()
    assert part.score().item() == pytest.approx(np.exp(scipy.special.rel_entr(p, p.mean(0)).sum(1).mean()))


def test_ten_parts_are_dealt_out_in_turn_whatever_the_batches():
    network, images = Classifier(), torch.rand(43, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    images = (images * 255).round() / 255
    scores = []
    for size in (43, 8):
        state = metric(network).accumulator(CPU)
        assert state.begin("no references are needed")
        for batch in images.split(size):
            state.update(batch, torch.zeros(2, 3, 2, 2))
        scores.append(state.compute())
    probabilities = (images.double().flatten(1) @ network.network.fc.weight.double().T).softmax(1)
    expected = []
    for part in range(10):
        p = probabilities[part::10]
        expected.append(float((p * (p / p.mean(0)).log()).sum(1).mean().exp()))
    assert scores[0].value == scores[1].value == pytest.approx(sum(expected) / 10) and scores[0].count == 43


def test_too_few_samples_and_samples_that_are_not_finite():
    state = metric(Classifier()).accumulator(CPU)
    state.update(torch.rand(9, 3, 2, 2), None)
    with pytest.raises(DarkroomError, match="IS needs at least 10 samples; 9 were generated"):
        state.compute()
    state.update(torch.full((1, 3, 2, 2), math.nan), None)
    assert math.isnan(state.compute().value)
    assert "needs at least 10" in inception_score().undefined(ComparedSets(9, 100))


def test_protocol_and_names():
    score = inception_score()
    assert score.of_samples(1000).name == "inception_score_small_1000" and score.describe().higher_is_better
    record = score.of_samples(1000).describe(ComparedSets(1000, 50_000, "PNG"))
    assert isinstance(score.of_samples(1000), InceptionScore) and record.protocol.endswith("; 1,000 predictions")
    assert module.SPLITS == 10
