"""Layer-wise adaptive rate scaling."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class LARS(Optimizer):
    """SGD with momentum whose step for each weight is proportional to that weight's norm (You, Gitman, Ginsburg 2017).

        g ← g + β w
        g ← g · η ‖w‖ / ‖g‖      (only in groups that are adapted, and where both norms are positive)
        v ← m v + g,  w ← w − lr v

    The norm of g includes the decay, as in the authors' codes of SimCLR and BYOL.

    Args:
        parameters: tensors, or groups of them; a group may have its own "weight_decay" and "adapted".
        lr: learning rate.
        momentum: m.
        weight_decay: β.
        adapted: scale by the norms.
        trust: η.

    Example:
        >>> weight = torch.nn.Parameter(torch.full((2, 2), 3.0))
        >>> weight.grad = torch.full((2, 2), 7.0)
        >>> LARS([weight], lr=1.0).step()
        >>> round(weight[0, 0].item(), 3)  # 3 − 0.001 · 3
        2.997
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        adapted: bool = True,
        trust: float = 1e-3,
    ) -> None:
        defaults = dict(lr=lr, momentum=momentum, weight_decay=weight_decay, adapted=adapted, trust=trust)
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take a step."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._step(group, weights)
        return loss

    def _step(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        gradients: list[Tensor] = [weight.grad for weight in weights]  # type: ignore[misc]
        if group["weight_decay"]:
            gradients = list(torch._foreach_add(gradients, weights, alpha=group["weight_decay"]))
        if group["adapted"]:
            gradients = list(torch._foreach_mul(gradients, _rates(weights, gradients, group["trust"])))
        velocities = [self._velocity(weight) for weight in weights]
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_add_(velocities, gradients)
        torch._foreach_add_(weights, velocities, alpha=-group["lr"])

    def _velocity(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(weight)
        velocity: Tensor = state["velocity"]
        return velocity


def _rates(weights: list[Tensor], gradients: list[Tensor], trust: float) -> list[Tensor]:
    """η ‖w‖ / ‖g‖ of each weight, 1 where a norm is zero; computed together, so that nothing waits for the device."""
    of_weights, of_gradients = (torch.stack(torch._foreach_norm(tensors)) for tensors in (weights, gradients))
    positive = (of_weights > 0) & (of_gradients > 0)
    return list(torch.where(positive, trust * of_weights / of_gradients, 1.0).unbind())
