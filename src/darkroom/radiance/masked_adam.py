"""Adam for grids: rows without a gradient keep their value and their moments."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class MaskedAdam(Optimizer):
    """Adam (Kingma & Ba 2015) on the rows of each parameter whose gradient is not zero.

    Gradients may be sparse. A group may have "row_lr_scales": factors on the learning rate, one for each row of its only
    parameter; and "weight_decay": a factor of the parameter that is added to the gradient, of those rows too. Parameters of one
    dimension are updated as a whole.

    Args:
        groups: parameters, or groups of them.
        lr: learning rate.
        betas: decay of the moments.
        eps: added to the root of the second moment.

    Source: Sun et al. 2022, section 5 and their code: zero gradients are skipped, learning rates follow view counts.

    Example:
        >>> import torch
        >>> grid = torch.nn.Parameter(torch.zeros(3, 2))
        >>> optimizer = MaskedAdam([grid], lr=0.1)
        >>> grid[1].sum().backward()
        >>> optimizer.step()
        >>> [[round(value, 4) for value in row] for row in grid.tolist()]
        [[0.0, 0.0], [-0.1, -0.1], [0.0, 0.0]]
    """

    def __init__(
        self, groups: Iterable[Any], lr: float = 1e-1, betas: tuple[float, float] = (0.9, 0.99), eps: float = 1e-15
    ) -> None:
        super().__init__(groups, dict(lr=lr, betas=betas, eps=eps, row_lr_scales=None, weight_decay=0.0))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state.update(step=torch.zeros(()), exp_avg=torch.zeros_like(parameter), exp_avg_sq=torch.zeros_like(parameter))
        state["step"] += 1
        beta1, beta2 = group["betas"]
        step = float(state["step"])
        lr: float | Tensor = group["lr"] / (1 - beta1**step)
        rows, g = _nonzero_rows(gradient)
        if group["weight_decay"]:
            g = g + group["weight_decay"] * parameter[rows]
        if group["row_lr_scales"] is not None:
            lr = lr * group["row_lr_scales"][rows, None]
        first = beta1 * state["exp_avg"][rows] + (1 - beta1) * g
        second = beta2 * state["exp_avg_sq"][rows] + (1 - beta2) * g * g
        state["exp_avg"][rows], state["exp_avg_sq"][rows] = first, second
        parameter[rows] -= lr * first / ((second / (1 - beta2**step)).sqrt() + group["eps"])


def _nonzero_rows(gradient: Tensor) -> tuple[Tensor | slice, Tensor]:
    """Index of the rows whose gradient is not zero, and the gradient of those."""
    if gradient.ndim == 1:
        return slice(None), gradient
    if gradient.is_sparse:
        gradient = gradient.coalesce()
        rows, values = gradient.indices()[0], gradient.values()
        nonzero = (values != 0).any(1)
        return rows[nonzero], values[nonzero]
    rows = (gradient != 0).any(1).nonzero().squeeze(1)
    return rows, gradient[rows]
