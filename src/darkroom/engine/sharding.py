"""Fully sharded training: each process holds a shard of the weights, their averages, gradients and optimizer states."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from lightning_fabric import Fabric
from lightning_fabric.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._pytree import tree_map_only

UNIT = 100_000
"""Blocks with at least this many parameters are gathered, used and freed one by one."""


def strategy(devices: int) -> ModelParallelStrategy:
    """Fabric's strategy for fully sharded training on this many processes."""
    return ModelParallelStrategy(_shard, data_parallel_size=devices, tensor_parallel_size=1)


def is_sharded(fabric: Fabric) -> bool:
    """Whether networks are sharded over processes."""
    return isinstance(fabric.strategy, ModelParallelStrategy)


def shard(module: nn.Module, fabric: Fabric) -> None:
    """Leave this process its shard of a module's parameters, in place."""
    assert isinstance(fabric.strategy, ModelParallelStrategy)
    _shard(module, fabric.strategy.device_mesh)


def _shard(module: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Shard parameters along their first axis; whole ones exist only while they are used.

    Raises:
        NotImplementedError: a parameter is not contiguous (channels-last).

    Source: Zhao et al. 2023, "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel", the per-parameter form.
    """
    for unit in [*_blocks(module), module]:
        fully_shard(unit, mesh=mesh["data_parallel"])
    return module


def _blocks(module: nn.Module) -> Iterable[nn.Module]:
    """The outermost large members of `ModuleList`s and `Sequential`s."""
    stacked = isinstance(module, nn.ModuleList | nn.Sequential)
    for child in module.children():
        if stacked and sum(math.prod(parameter.shape) for parameter in child.parameters()) >= UNIT:
            yield child
        else:
            yield from _blocks(child)


def gathered(state: Any) -> Any:
    """A state with whole tensors, on the CPU. A collective operation: every process calls it."""
    return tree_map_only(DTensor, lambda shard: shard.full_tensor().cpu(), state)


def shards_of(state: Mapping[str, Any], parameters: Iterable[nn.Parameter]) -> dict[str, Any]:
    """An optimizer's state of whole tensors as the shards that belong to sharded parameters."""

    def sharded(value: Any, parameter: nn.Parameter) -> Any:
        if not isinstance(value, Tensor) or not isinstance(parameter.data, DTensor) or value.shape != parameter.shape:
            return value
        whole = parameter.data
        return distribute_tensor(value.to(whole.device), whole.device_mesh, whole.placements)

    own = dict(enumerate(parameters))
    states = {
        number: {key: sharded(value, own[number]) for key, value in held.items()} for number, held in state["state"].items()
    }
    return {**state, "state": states}


def local(tensors: Iterable[Tensor]) -> list[Tensor]:
    """This process's shard of each."""
    return [tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors]
