import pytest
import torch
from torch import nn

from darkroom.core.method import Example
from darkroom.methods.annealed_l0 import AnnealedL0
from darkroom.methods.regression import absolute_error, squared_error


class Constant(nn.Module):
    """The same number everywhere."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.value.expand_as(x)


def test_it_begins_as_the_squared_error_and_passes_the_absolute_one():
    x, y = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    method = AnnealedL0(nn.Identity(), 100)
    for step, wanted in ((0, squared_error(x, y)), (50, absolute_error(x, y)), (99, 1.0)):
        ((network, loss),) = method.losses(Example(x, y), step)
        assert network == "network" and loss.item() == pytest.approx(float(wanted), abs=1e-1 if step == 99 else 1e-6)


def settled(name: str, steps: int = 1500) -> float:
    """Where a constant comes to rest: a quarter of the targets is 0.2, the others are drawn from [0, 1]."""
    network = Constant(0.5)
    method = AnnealedL0(network, steps)
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        target = torch.rand(1, 1, 100, 100, generator=generator)
        target[..., :25] = 0.2
        if name == "mode":
            ((_, loss),) = method.losses(Example(torch.zeros_like(target), target), step)
        else:
            loss = (squared_error if name == "mean" else absolute_error)(network(target), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.value.item()


def test_it_finds_the_mode_where_others_find_mean_and_median():
    found = {name: settled(name) for name in ("mode", "mean", "median")}
    assert found["mean"] == pytest.approx(0.25 * 0.2 + 0.75 * 0.5, abs=0.015)
    assert found["median"] == pytest.approx(1 / 3, abs=0.015)
    assert found["mode"] == pytest.approx(0.2, abs=0.03)  # at its end the loss is flat but for its spikes, and steps are rough
