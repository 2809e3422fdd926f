"""Mixed precision on bare networks: forward passes under autocast, outputs in float32."""

from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakSet

from lightning_fabric import Fabric
from torch import nn


class MixedPrecision:
    """Runs the forward passes of networks in Fabric's precision, by hooks; what a method computes with their outputs is float32.

    A network in evaluation mode is left alone: evaluation is in float32 throughout.

    Args:
        fabric: its precision decides what is done.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.precision = fabric.strategy.precision
        self._attached: WeakSet[nn.Module] = WeakSet()
        self._contexts: list[AbstractContextManager[Any] | None] = []

    def attach(self, network: nn.Module) -> None:
        """Put the hooks on a network, once."""
        if network in self._attached:
            return
        self._attached.add(network)
        network.register_forward_pre_hook(self._enter, with_kwargs=True)
        network.register_forward_hook(self._leave, always_call=True)

    def _enter(self, network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not network.training:
            self._contexts.append(None)
            return None
        context = self.precision.forward_context()
        context.__enter__()
        self._contexts.append(context)
        return self.precision.convert_input((args, kwargs))

    def _leave(self, network: nn.Module, args: Any, output: Any) -> Any:
        context = self._contexts.pop()
        if context is None:
            return None
        context.__exit__(None, None, None)
        return self.precision.convert_output(output)
