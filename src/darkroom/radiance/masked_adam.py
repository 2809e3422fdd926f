"""Adam for grids: voxels that no ray met stay as they are, moments included."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class MaskedAdam(Optimizer):
    """Adam (Kingma & Ba 2015) on the rows of each parameter whose gradient is not zero.

    Gradients may be sparse. A group may have "rows": factors on the rate, one for each row of its (only) parameter. Parameters
    with one axis move whole.

    Args:
        groups: parameters, or groups of them.
        lr: the rate.
        betas: of the moments.
        eps: added to the root of the second moment.

    Source: Sun et al. 2022, section 5 and its public description: zero gradients are skipped, views count.
    """

    def __init__(
        self, groups: Iterable[Any], lr: float = 1e-1, betas: tuple[float, float] = (0.9, 0.99), eps: float = 1e-15
    ) -> None:
        super().__init__(groups, dict(lr=lr, betas=betas, eps=eps, rows=None))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state.update(step=torch.zeros(()), exp_avg=torch.zeros_like(parameter), exp_avg_sq=torch.zeros_like(parameter))
        state["step"] += 1
        one, two = group["betas"]
        count = float(state["step"])
        rate: float | Tensor = group["lr"] / (1 - one**count)
        met, g = _met(gradient)
        if group["rows"] is not None:
            rate = rate * group["rows"][met, None]
        first = one * state["exp_avg"][met] + (1 - one) * g
        second = two * state["exp_avg_sq"][met] + (1 - two) * g * g
        state["exp_avg"][met], state["exp_avg_sq"][met] = first, second
        parameter[met] -= rate * first / ((second / (1 - two**count)).sqrt() + group["eps"])


def _met(gradient: Tensor) -> tuple[Tensor | slice, Tensor]:
    """The rows whose gradient is not zero, and it there."""
    if gradient.ndim == 1:
        return slice(None), gradient
    if gradient.is_sparse:
        gradient = gradient.coalesce()
        rows, values = gradient.indices()[0], gradient.values()
        met = (values != 0).any(1)
        return rows[met], values[met]
    rows = (gradient != 0).any(1).nonzero().squeeze(1)
    return rows, gradient[rows]
