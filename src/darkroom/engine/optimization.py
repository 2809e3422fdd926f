"""How a network is optimised: its optimizer, learning-rate schedule, gradient clipping, and average of weights."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

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
    """

    build: Callable[[nn.Module], Optimizer]
    lr: float
    schedule: Schedule = constant
    clip: float | None = None
    ema: float | None = None


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


def cosine(progress: float) -> float:
    """From 1 to 0 along half a cosine (Loshchilov & Hutter 2017, without restarts)."""
    return 0.5 * (1 + float(torch.cos(torch.tensor(progress * torch.pi))))
