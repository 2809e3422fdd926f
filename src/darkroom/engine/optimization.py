"""How a network is optimised: its optimizer, learning-rate schedule, gradient clipping, and average of weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from darkroom.engine.lars import LARS

Schedule = Callable[[float], float]
"""Factor on the learning rate as a function of progress in [0, 1): stateless, so that resuming needs nothing."""


def constant(progress: float) -> float:
    """1 throughout."""
    return 1.0


@dataclass(frozen=True)
class Optimization:
    """How one network is optimised.

    Args:
        build: makes the optimizer of the network. A parameter group with an entry "lr_scale" has that many times the learning rate.
        lr: the learning rate before the schedule.
        schedule: factor on the learning rate by progress (step / steps).
        clip: largest norm of the network's gradient, or None.
        ema: decay of the exponential moving average of the network's weights that is evaluated in their place, or None.
        ema_warm_up: begin with a smaller decay, min(ema, (1 + n) / (10 + n)) after n steps.
    """

    build: Callable[[nn.Module], Optimizer]
    lr: float
    schedule: Schedule = constant
    clip: float | None = None
    ema: float | None = None
    ema_warm_up: bool = False


def adam(
    lr: float,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    schedule: Schedule = constant,
    clip: float | None = None,
    ema: float | None = None,
) -> Optimization:
    """Adam (Kingma & Ba 2015).

    Example:
        >>> adam(1e-3, schedule=linear, clip=1.0).lr
        0.001
    """

    def build(network: nn.Module) -> Optimizer:
        return torch.optim.Adam(network.parameters(), lr=lr, betas=betas)

    return Optimization(build, lr, schedule, clip, ema)


def sgd(
    lr: float,
    *,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    schedule: Schedule = constant,
    clip: float | None = None,
    ema: float | None = None,
) -> Optimization:
    """Stochastic gradient descent with momentum; weight decay acts on matrices and kernels, not on biases and normalisation.

    Example:
        >>> [group["weight_decay"] for group in sgd(0.1, weight_decay=1e-4).build(nn.Linear(2, 2)).param_groups]
        [0.0001, 0.0]
    """

    def build(network: nn.Module) -> Optimizer:
        fused = all(
            type(parameter.data) is Tensor and parameter.device.type in ("cpu", "cuda") for parameter in network.parameters()
        )
        return torch.optim.SGD(decayed_groups(network, weight_decay), lr=lr, momentum=momentum, fused=fused)

    return Optimization(build, lr, schedule, clip, ema)


def lars(
    lr: float,
    *,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    schedule: Schedule = constant,
    clip: float | None = None,
    ema: float | None = None,
) -> Optimization:
    """Layer-wise adaptive rate scaling, for large batches; biases and normalisation are neither scaled nor decayed. See `LARS`."""

    def build(network: nn.Module) -> Optimizer:
        scaled, plain = decayed_groups(network, weight_decay)
        return LARS([{**scaled, "adapted": True}, {**plain, "adapted": False}], lr=lr, momentum=momentum)

    return Optimization(build, lr, schedule, clip, ema)


def decayed_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: matrices and kernels, with weight decay; vectors and numbers (biases, normalisation), without."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]


def multistep(gamma: float, *milestones: float) -> Schedule:
    """The learning rate times `gamma` after each milestone, a share of the whole training.

    Example:
        >>> multistep(0.5, 0.5, 0.8)(0.6)
        0.5
    """
    return lambda progress: gamma ** sum(progress >= milestone for milestone in milestones)


def exponential(last: float) -> Schedule:
    """From 1 to `last`, by the same factor every step."""
    return lambda progress: last**progress


def linear(progress: float) -> float:
    """From 1 to 0 along a line."""
    return 1 - progress


def linear_after(start: float) -> Schedule:
    """1 until `start`, a share of the whole training, then from 1 to 0 along a line.

    Example:
        >>> [linear_after(0.5)(progress) for progress in (0.2, 0.5, 0.75)]
        [1.0, 1.0, 0.5]
    """
    return lambda progress: min(1.0, (1 - progress) / (1 - start))


def cosine(progress: float) -> float:
    """From 1 to 0 along half a cosine (Loshchilov & Hutter 2017, without restarts)."""
    return 0.5 * (1 + float(torch.cos(torch.tensor(progress * torch.pi))))


def warm_up(share: float, schedule: Schedule) -> Schedule:
    """From 0 to 1 along a line over the first `share` of the training, then another schedule over what is left.

    Example:
        >>> [round(warm_up(0.2, cosine)(progress), 2) for progress in (0.0, 0.1, 0.2, 0.6)]
        [0.0, 0.5, 1.0, 0.5]
    """
    if not share:
        return schedule
    return lambda progress: progress / share if progress < share else schedule((progress - share) / (1 - share))
