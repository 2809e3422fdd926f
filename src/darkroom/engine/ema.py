"""Exponential moving average of weights."""

from collections.abc import Iterable, Mapping
from itertools import chain

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from darkroom.engine.sharding import local, share_out


class EMA(nn.Module):
    """θ̄ ← d θ̄ + (1 − d) θ after every step, for every network, batch statistics included.

    Args:
        networks: the modules to average, by name.
        decay: d, for example 0.999.

    Source: Polyak & Juditsky 1992, in the exponential form; torch's own implementation does the work.
    """

    def __init__(self, networks: Mapping[str, nn.Module], decay: float) -> None:
        super().__init__()
        towards = get_ema_multi_avg_fn(decay)

        def step(averaged: Iterable[Tensor], current: Iterable[Tensor], count: Tensor | int) -> None:
            towards(local(averaged), local(current), count)  # each process averages its part

        self.models = nn.ModuleDict(
            {name: AveragedModel(network, multi_avg_fn=step, use_buffers=True) for name, network in networks.items()}
        )

    def share_out(self, fabric: Fabric) -> None:
        """Leave this process its part, where the networks are shared out too."""
        for model in self.models.values():
            assert isinstance(model, AveragedModel)
            share_out(model.module, fabric)

    def of_networks(self) -> dict[str, Tensor]:
        """The averaged numbers by the names they have in the method."""
        return {
            f"{name}.{key}": value
            for name, model in self.models.items()
            for key, value in model.module.state_dict().items()  # type: ignore[union-attr,operator]
        }

    def update(self, networks: Mapping[str, nn.Module]) -> None:
        """Take one step of the average."""
        for name, network in networks.items():
            model = self.models[name]
            assert isinstance(model, AveragedModel)
            model.update_parameters(network)

    @torch.no_grad()
    def exchange(self, networks: Mapping[str, nn.Module]) -> None:
        """Swap the averaged numbers with the networks' own; a second call swaps back."""
        for name, network in networks.items():
            averaged = self.models[name].module
            assert isinstance(averaged, nn.Module)
            for mine, theirs in zip(_numbers(averaged), _numbers(network), strict=True):
                mine.data, theirs.data = theirs.data, mine.data


def _numbers(module: nn.Module) -> chain[Tensor]:
    return chain(module.parameters(), module.buffers())
