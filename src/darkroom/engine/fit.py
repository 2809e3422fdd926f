"""The only training loop."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.utils._pytree import tree_map_only

from darkroom.core.method import Method
from darkroom.core.randomness import seed_of
from darkroom.data.streams import batches
from darkroom.engine.ema import EMA
from darkroom.engine.losses import CHECK_INTERVAL, Losses
from darkroom.engine.mixed_precision import MixedPrecision
from darkroom.engine.processes import average_gradients, broadcast
from darkroom.engine.run import Run
from darkroom.engine.sharding import gathered, is_sharded, shard, shards_of


@dataclass(frozen=True)
class Record:
    """One step of training.

    Args:
        step: steps finished, this one included.
        losses: the last loss of each network that took a step, on the device; reading it makes the host wait.
        lrs: the learning rate of each network.
        messages: of the method.
    """

    step: int
    losses: dict[str, Tensor]
    lrs: dict[str, float]
    messages: tuple[str, ...] = ()


class Training:
    """A run in progress: the method on its device, its optimizers, averages of weights, and the steps done.

    Args:
        run: what is trained.
        fabric: device, precision and processes.
        state: what `state_dict` gave earlier, to resume from.
    """

    def __init__(self, run: Run, fabric: Fabric, state: dict[str, Any] | None = None) -> None:
        self.run, self.fabric = run, fabric
        self.step: int = state["step"] if state else 0
        self.seconds: float = state["seconds"] if state else 0.0
        self.best: float | None = state["best"] if state else None
        self.losses = Losses(fabric, state["losses"] if state else None)
        self.precision = MixedPrecision(fabric)
        self.method: Method = run.method
        if set(self.method.networks()) != set(run.optimizers):
            raise ValueError(f"networks {sorted(self.method.networks())} but optimizers for {sorted(run.optimizers)}")
        if state:
            self.method.load_state_dict(state["method"])
        decays = {name: optimization.ema for name, optimization in run.optimizers.items() if optimization.ema is not None}
        warm_up = [name for name, optimization in run.optimizers.items() if optimization.ema_warm_up]
        self.ema = EMA(self.method.networks(), decays, warm_up) if decays else None
        if self.ema:
            if state:
                self.ema.load_state_dict(state["ema"])
            self.ema.to(fabric.device)
        # Where networks are sharded, the first process evaluates a whole copy.
        self.whole = copy.deepcopy(self.method) if is_sharded(fabric) and fabric.is_global_zero else None
        self._lay_out()
        for network in self.method.frozen_networks():
            self.precision.attach(network)
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        for name in self.method.networks():
            self.set_up(name)
            if state:
                parameters = self.method.networks()[name].parameters()
                self.optimizers[name].load_state_dict(shards_of(state["optimizers"][name], parameters))

    def _lay_out(self) -> None:
        """Bring the method to the device, equal in every process, convolutions channels-last."""
        self.method.to(self.fabric.device)
        if self.fabric.world_size > 1:
            broadcast(self.method)
        if not is_sharded(self.fabric):
            self.method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        elif self.ema:
            self.ema.shard(self.fabric)

    def set_up(self, name: str) -> None:
        """Prepare a network for training, and build its optimizer."""
        network = self.method.networks()[name].to(self.fabric.device)
        if is_sharded(self.fabric):
            shard(network, self.fabric)
        self.precision.attach(network)
        self.optimizers[name] = self.run.optimizers[name].build(network)

    def optimize(self, name: str, loss: Tensor) -> float:
        """Back-propagate a loss to one network's parameters and take an optimizer step; returns the learning rate.

        Raises:
            Diverged: the loss or the gradient is not finite; the weights are those before the step.
        """
        optimizer, how, network = self.optimizers[name], self.run.optimizers[name], self.method.networks()[name]
        self.losses.add(self.step, name, loss)
        optimizer.zero_grad()
        if is_sharded(self.fabric):
            loss.backward()  # type: ignore[no-untyped-call]
        elif parameters := [parameter for parameter in network.parameters() if parameter.requires_grad]:
            loss.backward(inputs=parameters)  # type: ignore[no-untyped-call]
            if self.fabric.world_size > 1:
                average_gradients(parameters)
        if how.clip is not None:
            # Sharded parameters are whole ones until the backward pass, so they are listed only now.
            norm = nn.utils.clip_grad_norm_(network.parameters(), how.clip)
            norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
            self.losses.watch(self.step, f"the norm of the gradient of {name}", norm)
        lr = how.lr * how.schedule(self.step / self.run.steps)
        for group in optimizer.param_groups:
            group["lr"] = lr * group.get("lr_scale", 1.0)
        optimizer.step()
        return lr

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to resume: plain tensors, numbers and words. A collective operation.

        Raises:
            Diverged: a loss was not finite.
        """
        self.losses.check()
        return gathered(  # type: ignore[no-any-return]
            {
                "step": self.step,
                "seconds": self.seconds,
                "best": self.best,
                "losses": self.losses.state(),
                "method": self.method.state_dict(),
                "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
                "ema": self.ema.state_dict() if self.ema else None,
            }
        )

    @contextmanager
    def evaluating(self) -> Iterator[Method | None]:
        """The method as it is evaluated: evaluation mode, averaged weights, float32. A collective operation.

        Only the first process is given the method.
        """
        with self._evaluating_whole() if is_sharded(self.fabric) else self._evaluating_in_place() as method:
            yield method if self.fabric.is_global_zero else None

    @contextmanager
    def _evaluating_whole(self) -> Iterator[Method | None]:
        averaged = self.ema.as_method_state() if self.ema else {}
        state = gathered({**self.method.state_dict(), **averaged})
        if self.whole:
            self.whole.load_state_dict(state)
            self.whole.to(self.fabric.device).eval()
        yield self.whole
        if self.whole:
            self.whole.to("cpu")  # the device's memory is for training

    @contextmanager
    def _evaluating_in_place(self) -> Iterator[Method]:
        networks, was_training = self.method.networks(), self.method.training
        try:
            if self.ema:
                self.ema.exchange(networks)
            self.method.eval()
            yield self.method
        finally:
            if self.ema:
                self.ema.exchange(networks)
            self.method.train(was_training)


def fit(training: Training, *, workers: int = 0) -> Iterator[Record]:
    """Train from `training.step` to `run.steps`, yielding one record a step.

    Step n depends on (seed, n) and the weights alone: the batch is a function of both, and the global generator (dropout, a
    method's own draws) is seeded from them before each step. Checkpoints, logs, validation and progress are consumers of
    the records; `training` may be read between two of them.

    Raises:
        Diverged: a loss is not finite. On one CPU process the weights are those before the step; elsewhere it is noticed within
            `CHECK_INTERVAL` steps, and always before a checkpoint.
    """
    run, fabric, method = training.run, training.fabric, training.method
    method.train()
    source = batches(
        run.stream,
        training.step,
        run.steps,
        workers=workers,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
        pin_memory=fabric.device.type == "cuda",
        batches_per_step=method.batches_per_step,
    )
    for step, batch in enumerate(source, training.step):
        torch.manual_seed(seed_of(run.seed, "method", step, fabric.global_rank))
        batch = _on_device(run, fabric, batch)
        losses, lrs = {}, {}
        for name, loss in method.losses(batch, step):
            losses[name] = loss.detach()
            lrs[name] = training.optimize(name, loss)
        for replaced in method.after_step(step):
            training.set_up(replaced)
        training.step = step + 1
        if training.ema:
            training.ema.update(method.networks())
        if training.step % CHECK_INTERVAL == 0 or training.step == run.steps:
            training.losses.check()
        yield Record(training.step, losses, lrs, tuple(method.messages()))


def _on_device(run: Run, fabric: Fabric, batch: Any) -> Any:
    """A batch, or the list of a step's batches, on the device, images channels-last."""
    if run.method.batches_per_step > 1:
        return [_one_on_device(run, fabric, one) for one in batch]
    return _one_on_device(run, fabric, batch)


def _one_on_device(run: Run, fabric: Fabric, batch: Any) -> Any:
    return run.stream.on_device(tree_map_only(Tensor, _channels_last, fabric.to_device(batch)))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def count_parameters(module: nn.Module) -> int:
    """Number of parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())
