"""Losses that stay on the device until they are read."""

import torch
from lightning_fabric import Fabric
from torch import Tensor

from darkroom.core.errors import Diverged

CHECK_INTERVAL = 20
"""Steps between checks for losses that are not finite, where every check would stall the device or the other processes."""


class Losses:
    """The losses and gradient norms of the latest steps.

    Reading a loss makes the host wait for the device, and its mean over processes makes them wait for each other. So losses are
    kept as they are, averaged when they are logged (`means`), and checked every `CHECK_INTERVAL` steps. One process on a
    CPU waits for nothing, and checks every loss before it is used.

    Args:
        fabric: device and processes.
        pending: what `state` gave earlier.
    """

    def __init__(self, fabric: Fabric, pending: dict[str, list[float]] | None = None) -> None:
        self.fabric = fabric
        self.immediate = fabric.world_size == 1 and fabric.device.type not in ("cuda", "mps", "xpu")
        self._pending: dict[str, list[Tensor | float]] = {name: list(values) for name, values in (pending or {}).items()}
        self._unchecked: list[tuple[int, str, Tensor]] = []

    def add(self, step: int, network: str, loss: Tensor) -> None:
        """Take in a loss before its backward pass.

        Raises:
            Diverged: it is not finite (where that is known at once).
        """
        self.watch(step, f"the loss of {network}", loss)
        self._pending.setdefault(network, []).append(loss.detach())

    def watch(self, step: int, what: str, value: Tensor) -> None:
        """Check a number that is not logged, for example the norm of a gradient.

        Raises:
            Diverged: it is not finite (where that is known at once).
        """
        self._unchecked.append((step, what, value.detach()))
        if self.immediate:
            self.check()

    def check(self) -> None:
        """Check everything that was not checked yet. A collective operation.

        Raises:
            Diverged: something was not finite, in any process; the first is named.
        """
        unchecked, self._unchecked = self._unchecked, []
        if not unchecked:
            return
        values = torch.stack([value.float() for _, _, value in unchecked])
        if self.fabric.world_size > 1:
            values = torch.where(values.isfinite(), values, torch.nan)  # the sum of inf and -inf
            torch.distributed.all_reduce(values)
        for (step, what, _), value in zip(unchecked, values.tolist(), strict=True):
            if not abs(value) < float("inf"):
                raise Diverged(f"{what} is {value} at step {step + 1}")

    def means(self) -> dict[str, float]:
        """The mean loss of each network since the last call, over steps and processes. A collective operation."""
        read = self.state()
        self._pending = {}
        return {name: sum(values) / len(values) for name, values in read.items()}

    def state(self) -> dict[str, list[float]]:
        """What `means` has not taken yet, averaged over processes, for a checkpoint. A collective operation."""
        for name, values in self._pending.items():
            new = [value for value in values if isinstance(value, Tensor)]
            if new:
                stacked = torch.stack([value.float() for value in new])
                if self.fabric.world_size > 1:
                    torch.distributed.all_reduce(stacked)
                    stacked /= self.fabric.world_size
                old: list[Tensor | float] = [value for value in values if not isinstance(value, Tensor)]
                self._pending[name] = [*old, *stacked.tolist()]
        return {name: [float(value) for value in values] for name, values in self._pending.items()}
