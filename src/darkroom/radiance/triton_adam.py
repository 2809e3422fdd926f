"""A Triton kernel of Adam on rows with a gradient; the reference is in `radiance.masked_adam`."""

# mypy: disable-error-code="no-untyped-def"

import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024
"""Elements of a program."""


def fits(parameter: Tensor) -> bool:
    """Whether the kernel takes such a parameter: rows of 1, 2, 4, ... 128 contiguous elements."""
    columns = parameter.shape[-1]
    return parameter.ndim == 2 and parameter.is_contiguous() and columns <= 128 and columns & (columns - 1) == 0


def update(
    parameter: Tensor,
    first: Tensor,
    second: Tensor,
    gradient: Tensor,
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    step: int,
) -> None:
    """Take a step in place, in one pass over memory; rows whose gradient is zero keep their value and their moments."""
    rows, columns = parameter.shape
    block = BLOCK // columns
    corrections = 1 - betas[0] ** step, 1 - betas[1] ** step
    numbers = (rows, lr / corrections[0], betas[0], betas[1], 1 / corrections[1], eps, weight_decay)
    _update[(triton.cdiv(rows, block),)](parameter, first, second, gradient, *numbers, COLUMNS=columns, BLOCK=block)


@triton.jit
def _update(
    parameter, first, second, gradient, rows, lr, beta1, beta2, correction, eps, weight_decay,
    COLUMNS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at = row.to(tl.int64)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    valid = row < rows
    g = tl.load(gradient + at, mask=valid[:, None], other=0.0)
    used = valid & (tl.max(tl.abs(g), 1) > 0)
    mask = used[:, None] & (at >= 0)
    value = tl.load(parameter + at, mask=mask, other=0.0)
    g += weight_decay * value
    m = tl.load(first + at, mask=mask, other=0.0)
    m += (1 - beta1) * (g - m)
    v = beta2 * tl.load(second + at, mask=mask, other=0.0) + (1 - beta2) * g * g
    tl.store(first + at, m, mask=mask)
    tl.store(second + at, v, mask=mask)
    tl.store(parameter + at, value - lr * m / (tl.sqrt(v * correction) + eps), mask=mask)
