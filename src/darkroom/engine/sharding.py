"""Fully sharded training: each process holds its part of the weights, their averages, gradients and optimizer states."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from lightning_fabric import Fabric
from lightning_fabric.strategies import ModelParallelStrategy
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

UNIT = 100_000
"""A block of a list or a sequence with at least so many numbers is gathered, used and let go of by itself."""


def strategy(devices: int) -> ModelParallelStrategy:
    """Fabric's strategy for fully sharded training on this many processes."""
    return ModelParallelStrategy(_share_out, data_parallel_size=devices, tensor_parallel_size=1)


def is_sharded(fabric: Fabric) -> bool:
    """Whether networks are shared out among processes."""
    return isinstance(fabric.strategy, ModelParallelStrategy)


def share_out(module: nn.Module, fabric: Fabric) -> None:
    """Leave this process its part of a module's parameters, as Fabric does with networks."""
    assert isinstance(fabric.strategy, ModelParallelStrategy)
    _share_out(module, fabric.strategy.device_mesh)


def _share_out(module: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Parameters become slices along their first axis; whole ones exist only while they are used.

    Raises:
        NotImplementedError: a parameter is not contiguous (channels-last).

    Source: Zhao et al. 2023, "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel", the per-parameter form.
    """
    for unit in [*_blocks(module), module]:
        fully_shard(unit, mesh=mesh["data_parallel"])
    return module


def _blocks(module: nn.Module) -> Iterable[nn.Module]:
    """The outermost large members of lists and sequences: what networks are stacked from."""
    stacked = isinstance(module, nn.ModuleList | nn.Sequential)
    for child in module.children():
        if stacked and sum(math.prod(parameter.shape) for parameter in child.parameters()) >= UNIT:
            yield child
        else:
            yield from _blocks(child)


def gathered(state: Any) -> Any:
    """A state whose parts have been put together again, on the CPU; every process has to ask at the same time."""
    return apply_to_collection(state, DTensor, lambda part: part.full_tensor().cpu())


def parts_of(state: Mapping[str, Any], parameters: Iterable[nn.Parameter]) -> dict[str, Any]:
    """An optimizer's state, of whole tensors, as the parts that belong to shared-out parameters."""

    def part(value: Any, parameter: nn.Parameter) -> Any:
        if not isinstance(value, Tensor) or not isinstance(parameter.data, DTensor) or value.shape != parameter.shape:
            return value
        shares = parameter.data
        return distribute_tensor(value.to(shares.device), shares.device_mesh, shares.placements)

    mine = dict(enumerate(parameters))
    states = {
        number: {key: part(value, mine[number]) for key, value in held.items()} for number, held in state["state"].items()
    }
    return {**state, "state": states}


def local(tensors: Iterable[Tensor]) -> list[Tensor]:
    """What this process holds of each."""
    return [tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors]
