import pytest
import torch
from torch import nn

from darkroom.engine.ema import EMA


@pytest.mark.parametrize("decay", [0.999, 0.3])
def test_the_average_begins_with_a_smaller_decay(decay: float):
    network = nn.BatchNorm1d(2)
    ema, expected = EMA({"network": network}, {"network": decay}, ["network"]), torch.zeros(2)
    for number in range(30):
        with torch.no_grad():
            network.weight.copy_(torch.randn(2, generator=torch.Generator().manual_seed(number)))
        network.num_batches_tracked.fill_(number)
        ema.update({"network": network})
        share = min(decay, (1 + number) / (10 + number))
        expected = network.weight.detach().clone() if not number else share * expected + (1 - share) * network.weight.detach()
    state = ema.as_method_state()
    assert torch.allclose(state["network.weight"], expected, atol=1e-6)
    assert int(state["network.num_batches_tracked"]) == 29
