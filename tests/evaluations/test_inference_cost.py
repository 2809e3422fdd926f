import pytest
import torch
from torch import nn

from darkroom.core.cost import multiply_adds, parameters
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example, Method
from darkroom.core.metric import ComparedSets
from darkroom.evaluations.inference_cost import InferenceCost, inference_time
from darkroom.metrics.cost import milliseconds

CPU = torch.device("cpu")


def noise(random: torch.Generator) -> Example:
    return Example(torch.rand(3, 16, 24, generator=random), torch.zeros(3, 16, 24))


@pytest.mark.parametrize("inference", [False, True])
def test_multiply_adds_have_closed_forms(inference: bool):
    x = torch.rand(2, 8, 10, 12)
    cases = {
        nn.Conv2d(8, 16, 3, stride=2, padding=1): 2 * 5 * 6 * 16 * 8 * 9,
        nn.Conv2d(8, 8, 5, padding=2, groups=8): 2 * 10 * 12 * 8 * 25,
        nn.ConvTranspose2d(8, 4, 2, stride=2): 2 * 10 * 12 * 8 * 4 * 4,
        nn.Linear(12, 7): 2 * 8 * 10 * 12 * 7,
        nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2)): 0,
    }
    with torch.inference_mode(inference):
        for network, expected in cases.items():
            assert multiply_adds(lambda network=network: network(x)) == expected, network
        q = torch.rand(2, 3, 6, 4)
        assert multiply_adds(lambda: nn.functional.scaled_dot_product_attention(q, q, q)) == 2 * 3 * 6 * 6 * 4 * 2
        assert multiply_adds(lambda: torch.einsum("bik,bkj->bij", q[0], q[0].mT)) == 3 * 6 * 6 * 4


def test_products_in_gradients_are_counted():
    network, x = nn.Linear(5, 3, bias=False), torch.rand(4, 5, requires_grad=True)
    assert multiply_adds(lambda: network(x).sum().backward()) == 3 * 4 * 5 * 3


def test_shared_parameters_count_once():
    shared = nn.Linear(4, 4)
    assert parameters(nn.Sequential(shared, shared)) == 20


def test_the_median_is_of_the_predictions_after_the_warm_up(monkeypatch):
    clock, calls = [0.0], []
    seconds = iter([9, 9, 9, 1, 5, 2, 8, 3])

    def predict() -> None:
        calls.append(torch.is_inference_mode_enabled())
        clock[0] += next(seconds)

    monkeypatch.setattr("darkroom.evaluations.scoring.time.perf_counter", lambda: clock[0])
    found = inference_time(predict, CPU, warm_up=3, repeats=5)
    assert found.times == (1, 5, 2, 8, 3) and found.seconds == 3 and all(calls) and len(calls) == 8
    with pytest.raises(DarkroomError, match="0 predictions to warm up"):
        inference_time(predict, CPU, warm_up=0)


class Paired(Method):
    """A generator that predicts, and a larger discriminator that does not."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.discriminator = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 100, 3)

    def networks(self):
        return {"generator": self.generator, "discriminator": self.discriminator}

    def losses(self, batch, step):
        yield from ()

    def predict(self, batch):
        return self.generator(batch.input)


def test_a_method_is_measured_by_the_network_that_predicts():
    method = Paired().eval()
    evaluation = InferenceCost(noise, (16, 24), network="generator")
    evaluation.open()
    outcome = evaluation.evaluate(evaluation.predictor(method), CPU)
    values = {name: score.value for name, score in outcome.scores.items()}
    assert values["giga_multiply_adds"] == 16 * 24 * 3 * 3 * 9 / 1e9 and values["million_parameters"] == 84 / 1e6
    time = outcome.scores["milliseconds"]
    assert time.value == pytest.approx(1000 * outcome.seconds) and time.count == len(evaluation) == 1 and time.deviation >= 0
    record = evaluation.describe()
    assert record.metrics["milliseconds"].quality == "time" and record.variant == {"size": "16x24"}
    assert "batch 1" in record.protocol and evaluation.fingerprint() == ""


def test_a_network_may_be_a_baseline():
    outcome = InferenceCost(noise, (16, 24)).evaluate(nn.Identity(), CPU)
    assert outcome.scores["giga_multiply_adds"].value == 0 == outcome.scores["million_parameters"].value
    with pytest.raises(DarkroomError, match="nothing was measured"):
        milliseconds.accumulator(CPU).compute()
    assert milliseconds.describe(ComparedSets(1, 1)).protocol == ""
