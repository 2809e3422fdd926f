"""A second device that is none: tensors that say they lie elsewhere, so that mixing devices is an error here as on a GPU.

Their numbers are computed on the CPU. Inside `elsewhere()`, whatever is made on or moved to `DEVICE` is such a tensor; an
operation on tensors of both places raises, as CUDA does, but for numbers (0-dim tensors) of the CPU, copies, and indices.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from lightning_fabric import Fabric
from lightning_fabric.accelerators import CPUAccelerator
from lightning_fabric.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_iter, tree_map_only

DEVICE = torch.device("meta")

_LAZY = {"_conj": torch.ops.aten._conj_physical.default, "_neg_view": torch.ops.aten.neg.default}
"""Views that put an operation off, and the operation: below this level nobody would carry it out."""

_ACROSS = {"copy_", "_to_copy", "index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}


class Elsewhere(Tensor):
    """A tensor of the other device, and the CPU's tensor that holds its numbers."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: Tensor) -> "Elsewhere":
        places = {"strides": held.stride(), "storage_offset": held.storage_offset()} if held.layout is torch.strided else {}
        made = Tensor._make_wrapper_subclass(cls, held.size(), **places, dtype=held.dtype, layout=held.layout, device=DEVICE)
        made.held = held
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"elsewhere: {self.held}"

    @property
    def data(self) -> "Elsewhere":  # type: ignore[override]
        return Elsewhere(self.held.detach())

    @data.setter
    def data(self, other: "Elsewhere") -> None:
        torch._C.TensorBase.data.__set__(self, other)  # type: ignore[attr-defined]
        self.held = other.held

    def tolist(self) -> Any:
        """As numbers."""
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(function, args, kwargs or {})


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(function, args, kwargs or {})


def _computed(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    function = _LAZY.get(function.overloadpacket.__name__, function)
    name = function.overloadpacket.__name__
    tensors = [leaf for leaf in tree_iter((args, kwargs)) if isinstance(leaf, Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    here = [tensor for tensor in tensors if not isinstance(tensor, Elsewhere) and tensor.ndim]
    if there and here and name not in _ACROSS:
        shapes = [[tuple(tensor.shape) for tensor in group] for group in (there, here)]
        raise RuntimeError(f"{function}: tensors {shapes[0]} lie elsewhere, tensors {shapes[1]} here")
    goes = bool(there) if kwargs.get("device") is None else torch.device(kwargs["device"]) == DEVICE
    if name in ("copy_", "index_put_", "_index_put_impl_"):
        goes = isinstance(args[0], Elsewhere)
    if goes and kwargs.get("generator") is not None:
        raise RuntimeError(f"{function}: the generator is one of the CPU")
    given = dict(kwargs)
    if given.get("device") is not None:
        given["device"] = torch.device("cpu")
    bare_args, bare_kwargs = tree_map_only(Elsewhere, lambda tensor: tensor.held, (args, given))
    answer = function(*bare_args, **bare_kwargs)
    if goes:
        answer = tree_map_only(Tensor, lambda tensor: tensor if isinstance(tensor, Elsewhere) else Elsewhere(tensor), answer)
    return return_and_correct_aliasing(function, args, kwargs, answer) if there and goes else answer


class _Accelerator(CPUAccelerator):
    def setup_device(self, device: torch.device) -> None:
        """Anything will do."""


def fabric() -> Fabric:
    """Fabric with everything on the other device."""
    return Fabric(strategy=SingleDeviceStrategy(device=DEVICE, accelerator=_Accelerator()))


@contextmanager
def elsewhere() -> Iterator[None]:
    """As long as this lasts, there is another device (without mixed precision and inference mode, which know no such device)."""
    autocast, tensor = torch.autocast, torch.tensor

    def here_alone(device_type: str, *rest: Any, **more: Any) -> Any:
        return nullcontext() if device_type == DEVICE.type else autocast(device_type, *rest, **more)

    def moved(data: Any, *, device: Any = None, **more: Any) -> Tensor:
        return tensor(data, **more).to(device)

    with (
        _Mode(),
        patch("torch.autocast", here_alone),
        patch("torch.inference_mode", torch.no_grad),
        patch("torch.tensor", moved),
        # Fabric takes what lies on "meta" for what has no numbers yet.
        patch("lightning_fabric.fabric._has_meta_device_parameters_or_buffers", lambda _: False),
    ):
        yield
