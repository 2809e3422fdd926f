import pytest
import torch
from torch import nn

from darkroom.core.method import Pair
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
        ((player, loss),) = method.turns(Pair(x, y), step)
        assert player == "network" and loss.item() == pytest.approx(float(wanted), abs=1e-1 if step == 99 else 1e-6)


def settled(name: str, batch: Pair, steps: int = 2000) -> float:
    """Where a constant comes to rest under a loss."""
    network = Constant(0.5)
    method = AnnealedL0(network, steps)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for step in range(steps):
        if name == "mode":
            ((_, loss),) = method.turns(batch, step)
        else:
            loss = (squared_error if name == "mean" else absolute_error)(network(batch.source), batch.target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.value.item()


def test_it_finds_the_mode_where_others_find_mean_and_median():
    # A quarter of the targets is 0.2, the others are spread over [0, 1]: mean 0.425, median 0.333.
    spread = torch.linspace(0, 1, 750)
    target = torch.cat([torch.full((250,), 0.2), spread]).view(1, 1, 25, 40)
    batch = Pair(torch.zeros_like(target), target)
    found = {name: settled(name, batch) for name in ("mode", "mean", "median")}
    assert found["mean"] == pytest.approx(target.mean().item(), abs=0.01)
    assert found["median"] == pytest.approx(target.median().item(), abs=0.02)
    assert found["mode"] == pytest.approx(0.2, abs=0.01)
