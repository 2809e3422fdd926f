"""Exponential moving average of weights."""

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from darkroom.engine.sharding import local, shard


class EMA(nn.Module):
    """θ̄ ← d θ̄ + (1 − d) θ after every step, for each of some networks with its own d, buffers included.

    Args:
        networks: the networks to average, by name.
        decays: d of each, for example 0.999.
        warm_up: networks whose average begins faster, with min(d, (1 + n) / (10 + n)) after n steps.

    Source: Polyak & Juditsky 1992, in the exponential form; torch's own implementation does the work.
    """

    def __init__(self, networks: Mapping[str, nn.Module], decays: Mapping[str, float], warm_up: Collection[str] = ()) -> None:
        super().__init__()
        models = {name: _averaged(networks[name], decay, name in warm_up) for name, decay in decays.items()}
        self.models = nn.ModuleDict(models)

    def shard(self, fabric: Fabric) -> None:
        """Leave this process its shard, where the networks are sharded too."""
        for model in self.models.values():
            assert isinstance(model, AveragedModel)
            shard(model.module, fabric)

    def as_method_state(self) -> dict[str, Tensor]:
        """The averaged weights by the names that they have in the method."""
        return {
            f"{name}.{key}": value
            for name, model in self.models.items()
            for key, value in model.module.state_dict().items()  # type: ignore[union-attr,operator]
        }

    def update(self, networks: Mapping[str, nn.Module]) -> None:
        """Take one step of the average."""
        for name, model in self.models.items():
            assert isinstance(model, AveragedModel)
            model.update_parameters(networks[name])

    @torch.no_grad()
    def exchange(self, networks: Mapping[str, nn.Module]) -> None:
        """Swap the averaged weights with the networks' own; a second call swaps them back."""
        for name, model in self.models.items():
            averaged = model.module
            assert isinstance(averaged, nn.Module)
            for mine, theirs in zip(_tensors(averaged), _tensors(networks[name]), strict=True):
                mine.data, theirs.data = theirs.data, mine.data


def _averaged(network: nn.Module, decay: float, warm_up: bool) -> AveragedModel:
    average = _beginning_faster(decay) if warm_up else get_ema_multi_avg_fn(decay)

    def step(averaged: Iterable[Tensor], current: Iterable[Tensor], count: Tensor | int) -> None:
        average(local(averaged), local(current), count)  # each process averages its shard

    return AveragedModel(network, multi_avg_fn=step, use_buffers=True)


def _beginning_faster(decay: float) -> Callable[[Iterable[Tensor], Iterable[Tensor], Any], None]:
    """An average with the decay min(d, (1 + n) / (10 + n)); n stays on the device."""

    @torch.no_grad()
    def average(averaged: Iterable[Tensor], current: Iterable[Tensor], count: Any) -> None:
        share = 1 - torch.as_tensor((1 + count) / (10 + count)).clamp(max=decay)
        for mean, value in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share.to(mean))
            else:
                mean.copy_(value)

    return average


def _tensors(module: nn.Module) -> chain[Tensor]:
    return chain(module.parameters(), module.buffers())
