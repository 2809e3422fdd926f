"""The only training loop."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, nn

from darkroom.core.errors import Diverged
from darkroom.core.method import Method
from darkroom.core.randomness import seed_of
from darkroom.data.streams import batches
from darkroom.engine.ema import EMA
from darkroom.engine.run import Run
from darkroom.engine.sharding import gathered, is_sharded, parts_of


@dataclass(frozen=True)
class Record:
    """What one step of training has to say.

    Args:
        step: steps finished, this one included.
        losses: the last loss of each network that moved, averaged over processes.
        rates: the learning rate of each network.
        messages: what the method has to tell.
    """

    step: int
    losses: dict[str, float]
    rates: dict[str, float]
    messages: tuple[str, ...] = ()


class Training:
    """A run in progress: the method on its device, its optimizers, its averages, and the steps done.

    Args:
        run: what is trained.
        fabric: device, precision and processes.
        state: what `state_dict` gave earlier, to go on from there.
    """

    def __init__(self, run: Run, fabric: Fabric, state: dict[str, Any] | None = None) -> None:
        self.run, self.fabric = run, fabric
        self.step: int = state["step"] if state else 0
        self.seconds: float = state["seconds"] if state else 0.0
        self.best: float | None = state["best"] if state else None
        self.method: Method = run.method
        self.bare_networks = dict(run.method.networks())
        if set(self.bare_networks) != set(run.optimizers):
            raise ValueError(f"networks {sorted(self.bare_networks)} but optimizers for {sorted(run.optimizers)}")
        if state:
            self.method.load_state_dict(state["method"])
        self.average = EMA(self.bare_networks, run.ema) if run.ema else None
        if self.average:
            if state:
                self.average.load_state_dict(state["average"])
            self.average.to(fabric.device)
        # Where networks are shared out, the first process evaluations a whole copy.
        self.whole = copy.deepcopy(self.method) if is_sharded(fabric) and fabric.is_global_zero else None
        self.method.to(fabric.device)
        if not is_sharded(fabric):
            self.method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        elif self.average:
            self.average.share_out(fabric)
        self.optimizers: dict[str, Any] = {}
        for name in self.bare_networks:
            self.set_up(name)
            if state:
                bare = self.optimizers[name].optimizer
                parameters = self.bare_networks[name].parameters()
                bare.load_state_dict(parts_of(state["optimizers"][name], parameters))

    def set_up(self, name: str) -> None:
        """Hand a network to Fabric (precision, processes) with an optimizer of its own."""
        network = self.method.networks()[name]
        self.bare_networks[name] = network
        wrapped = self.fabric.setup_module(network)
        # Built now, since parameters that are shared out are others than before.
        self.optimizers[name] = self.fabric.setup_optimizers(self.run.optimizers[name].build(network))
        setattr(self.method, name, wrapped)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on: plain tensors, numbers and words. Every process has to ask at the same time."""
        return gathered(  # type: ignore[no-any-return]
            {
                "step": self.step,
                "seconds": self.seconds,
                "best": self.best,
                "method": self.method.state_dict(),
                "optimizers": {name: optimizer.optimizer.state_dict() for name, optimizer in self.optimizers.items()},
                "average": self.average.state_dict() if self.average else None,
            }
        )

    @contextmanager
    def evaluating(self) -> Iterator[Method | None]:
        """The method as it is evaluated: evaluation mode, averaged weights, float32, no process group.

        Every process has to ask at the same time; only the first is given the method.
        """
        with self._evaluating_whole() if is_sharded(self.fabric) else self._evaluating_in_place() as method:
            yield method if self.fabric.is_global_zero else None

    @contextmanager
    def _evaluating_whole(self) -> Iterator[Method | None]:
        averaged = self.average.of_networks() if self.average else {}
        state = gathered({**self.method.state_dict(), **averaged})
        if self.whole:
            self.whole.load_state_dict(state)
            self.whole.to(self.fabric.device).eval()
        yield self.whole
        if self.whole:
            self.whole.to("cpu")  # its place on the device is for training

    @contextmanager
    def _evaluating_in_place(self) -> Iterator[Method]:
        wrapped = {name: getattr(self.method, name) for name in self.bare_networks}
        was_training = self.method.training
        try:
            for name, network in self.bare_networks.items():
                setattr(self.method, name, network)
            if self.average:
                self.average.exchange(self.bare_networks)
            self.method.eval()
            yield self.method
        finally:
            if self.average:
                self.average.exchange(self.bare_networks)
            for name, network in wrapped.items():
                setattr(self.method, name, network)
            self.method.train(was_training)


def fit(training: Training, *, workers: int = 0) -> Iterator[Record]:
    """Train from `training.step` to `run.steps`, giving one record a step.

    Step n depends on (seed, n) and the weights alone: the batch is a function of both, and the global
    generator (dropout, a method's own draws) is seeded from them before each step. Checkpoints, logs,
    validation and progress are consumers of the records; `training` may be read between two of them.

    Raises:
        Diverged: a loss is not finite; the weights are those before the step.
    """
    run, fabric, method = training.run, training.fabric, training.method
    method.train()
    source = batches(
        run.stream,
        training.step,
        run.steps,
        workers=workers,
        rank=fabric.global_rank,
        world=fabric.world_size,
        pin_memory=fabric.device.type == "cuda",
    )
    for step, batch in enumerate(source, training.step):
        torch.manual_seed(seed_of(run.seed, "method", step, fabric.global_rank))
        batch = run.stream.arrived(apply_to_collection(fabric.to_device(batch), Tensor, _channels_last))
        losses, rates = {}, {}
        for network, loss in method.losses(batch, step):
            optimizer, optimization = training.optimizers[network], run.optimizers[network]
            losses[network] = _finite(fabric, loss, network, step)
            rates[network] = optimization.rate * optimization.schedule(step / run.steps)
            for group in optimizer.param_groups:
                group["lr"] = rates[network] * group.get("factor", 1.0)
            optimizer.zero_grad()
            fabric.backward(loss)
            if optimization.clip is not None:
                fabric.clip_gradients(getattr(method, network), optimizer, max_norm=optimization.clip)
            optimizer.step()
        for replaced in method.after_step(step):
            training.set_up(replaced)
        training.step = step + 1
        if training.average:
            training.average.update(training.bare_networks)
        yield Record(training.step, losses, rates, tuple(method.messages()))


def _finite(fabric: Fabric, loss: Tensor, network: str, step: int) -> float:
    value = loss.detach()
    if fabric.world_size > 1:
        value = fabric.all_reduce(value, reduce_op="mean")  # type: ignore[assignment]
    number = float(value)
    if not torch.isfinite(value):
        raise Diverged(f"the loss of {network} is {number} at step {step + 1}")
    return number


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def parameters(module: nn.Module) -> int:
    """Number of trained numbers in a module."""
    return sum(parameter.numel() for parameter in module.parameters())
