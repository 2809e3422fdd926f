"""Adam for grids: rows without a gradient keep their value and their moments."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from darkroom.layers import kernels


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
        moments = state["exp_avg"], state["exp_avg_sq"]
        step, scales = int(state["step"]), group["row_lr_scales"]
        if scales is None and not gradient.is_sparse and kernels.usable(parameter, gradient):
            from darkroom.radiance.triton_adam import fits, update

            if fits(parameter):
                same = {name: group[name] for name in ("lr", "betas", "eps", "weight_decay")}
                update(parameter, *moments, gradient.contiguous(), **same, step=step)
                return
        rows, gradient = _nonzero_rows(gradient)
        value, first, second = (_take(tensor, rows) for tensor in (parameter, *moments))
        _adam(value, first, second, gradient, group, step, None if scales is None else scales[rows, None])
        for tensor, values in zip((parameter, *moments), (value, first, second), strict=True):
            _put(tensor, rows, values)


def _adam(
    parameter: Tensor, first: Tensor, second: Tensor, gradient: Tensor, group: dict[str, Any], step: int, scales: Tensor | None
) -> None:
    """Update a parameter and its moments in place (Kingma & Ba 2015, algorithm 1)."""
    beta1, beta2 = group["betas"]
    if group["weight_decay"]:
        gradient = gradient + group["weight_decay"] * parameter
    first.lerp_(gradient, 1 - beta1)
    second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    change = first / (second / (1 - beta2**step)).sqrt_().add_(group["eps"])
    if scales is not None:
        change *= scales
    parameter.add_(change, alpha=-group["lr"] / (1 - beta1**step))


def _nonzero_rows(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Index of the rows of a gradient that are not zero, and those rows; all of one that has one dimension."""
    if gradient.is_sparse:
        gradient = gradient.coalesce()
        nonzero = (gradient.values() != 0).any(1).nonzero().squeeze(1)
        return gradient.indices()[0].index_select(0, nonzero), gradient.values().index_select(0, nonzero)
    if gradient.ndim == 1:
        return torch.arange(len(gradient), device=gradient.device), gradient
    gradient = gradient.contiguous()
    used = _pairs(gradient) != 0
    rows = (used if used.ndim == 1 else used.any(1)).nonzero().squeeze(1)
    return rows, _take(gradient, rows)


def _pairs(tensor: Tensor) -> Tensor:
    """The same memory with rows of two as complex numbers, which are gathered twice as fast."""
    return torch.view_as_complex(tensor) if tensor.shape[1:] == (2,) else tensor


def _take(tensor: Tensor, rows: Tensor) -> Tensor:
    """Some rows of a tensor."""
    taken = _pairs(tensor).index_select(0, rows)
    return torch.view_as_real(taken) if taken.is_complex() else taken


def _put(tensor: Tensor, rows: Tensor, values: Tensor) -> None:
    """Replace some rows of a tensor."""
    _pairs(tensor).index_copy_(0, rows, _pairs(values))
