"""Triton kernels of a small perceptron with one or two hidden layers; the reference is `layers.perceptron`."""

# mypy: disable-error-code="no-untyped-def"

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 128
"""Rows of a block."""

PROGRAMS = 264
"""Programs of the backward pass, two for each multiprocessor of an H100: each sums the gradients of many blocks."""

PADDED = 16
"""Features of the last layer, the others are 0: the least that matrix units multiply."""

_TYPES = {torch.float32: tl.float32, torch.bfloat16: tl.bfloat16, torch.float16: tl.float16}


def fits(weights: Sequence[Tensor]) -> bool:
    """Whether the kernels have this shape: one or two hidden layers, inputs and width of 16, 32, 64 or 128, at most 16 outputs."""
    inputs, width = weights[0].shape[1], weights[0].shape[0]
    return len(weights) in (2, 3) and {inputs, width} <= {16, 32, 64, 128} and weights[-1].shape[0] <= PADDED


class TritonPerceptron(torch.autograd.Function):
    """All layers in one kernel each way; hidden features are computed again in the backward pass."""

    @staticmethod
    def forward(context: Any, x: Tensor, dtype: torch.dtype, *weights: Tensor) -> Tensor:
        x = x.contiguous()
        context.save_for_backward(x, *weights)
        context.dtype = dtype
        y = x.new_empty(len(x), weights[-1].shape[0])
        if len(x):
            first, middle, last = weights[0], weights[-2], weights[-1]  # without a middle layer, the second is not used
            grid = (triton.cdiv(len(x), BLOCK),)
            _forward[grid](x, first, middle, last, y, len(x), **_shape(weights, dtype))
        return y

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, *weights = context.saved_tensors
        of_x = torch.empty_like(x)
        programs = max(1, min(PROGRAMS, triton.cdiv(len(x), BLOCK)))
        parts = [x.new_zeros(programs, *weight.shape) for weight in weights]
        if len(x):
            inputs = (x, weights[0], weights[-2], weights[-1], gradient.contiguous(), of_x, parts[0], parts[-2], parts[-1])
            _backward[(programs,)](*inputs, len(x), programs, **_shape(weights, context.dtype))
        return of_x, None, *(part.sum(0) for part in parts)


def _shape(weights: Sequence[Tensor], dtype: torch.dtype) -> dict[str, Any]:
    (width, inputs), outputs = weights[0].shape, weights[-1].shape[0]
    sizes = dict(INPUTS=inputs, WIDTH=width, OUTPUTS=outputs, PADDED=PADDED, TWO=len(weights) == 3)
    return dict(**sizes, TYPE=_TYPES[dtype], BLOCK=BLOCK)


@triton.jit
def _matrix(weights, outputs, inputs, OUTPUTS: tl.constexpr, INPUTS: tl.constexpr, TYPE: tl.constexpr):
    """A layer's weights, rows beyond `outputs` being 0."""
    row, column = tl.arange(0, OUTPUTS)[:, None], tl.arange(0, INPUTS)[None, :]
    return tl.load(weights + row * inputs + column, mask=row < outputs, other=0.0).to(TYPE)


@triton.jit
def _times(a, b, TYPE: tl.constexpr):
    return tl.dot(a.to(TYPE), b.to(TYPE), input_precision="ieee")


@triton.jit
def _rows(x, n, count, COLUMNS: tl.constexpr, PADDED: tl.constexpr):
    column = tl.arange(0, PADDED)[None, :]
    mask = (n < count)[:, None] & (column < COLUMNS)
    return tl.load(x + n.to(tl.int64)[:, None] * COLUMNS + column, mask=mask, other=0.0)


@triton.jit
def _store(x, n, count, values, COLUMNS: tl.constexpr, PADDED: tl.constexpr):
    column = tl.arange(0, PADDED)[None, :]
    tl.store(x + n.to(tl.int64)[:, None] * COLUMNS + column, values, mask=(n < count)[:, None] & (column < COLUMNS))


@triton.jit
def _forward(
    x, first, middle, last, y, count,
    INPUTS: tl.constexpr, WIDTH: tl.constexpr, OUTPUTS: tl.constexpr, PADDED: tl.constexpr, TWO: tl.constexpr,
    TYPE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    h = _times(_rows(x, n, count, INPUTS, INPUTS), _matrix(first, WIDTH, INPUTS, WIDTH, INPUTS, TYPE).T, TYPE)
    h = tl.maximum(h, 0.0)
    if TWO:
        h = tl.maximum(_times(h, _matrix(middle, WIDTH, WIDTH, WIDTH, WIDTH, TYPE).T, TYPE), 0.0)
    _store(y, n, count, _times(h, _matrix(last, OUTPUTS, WIDTH, PADDED, WIDTH, TYPE).T, TYPE), OUTPUTS, PADDED)


@triton.jit
def _backward(
    x, first, middle, last, gradient, of_x, of_first, of_middle, of_last, count, programs,
    INPUTS: tl.constexpr, WIDTH: tl.constexpr, OUTPUTS: tl.constexpr, PADDED: tl.constexpr, TWO: tl.constexpr,
    TYPE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    program = tl.program_id(0)
    one = _matrix(first, WIDTH, INPUTS, WIDTH, INPUTS, TYPE)
    three = _matrix(last, OUTPUTS, WIDTH, PADDED, WIDTH, TYPE)
    sum_one = tl.zeros((WIDTH, INPUTS), tl.float32)
    sum_two = tl.zeros((WIDTH, WIDTH), tl.float32)
    sum_three = tl.zeros((PADDED, WIDTH), tl.float32)
    start = program * BLOCK
    while start < count:
        n = start + tl.arange(0, BLOCK)
        inputs = _rows(x, n, count, INPUTS, INPUTS)
        h = tl.maximum(_times(inputs, one.T, TYPE), 0.0)
        final = h
        if TWO:
            two = _matrix(middle, WIDTH, WIDTH, WIDTH, WIDTH, TYPE)
            final = tl.maximum(_times(h, two.T, TYPE), 0.0)
        upstream = _rows(gradient, n, count, OUTPUTS, PADDED)
        sum_three += _times(upstream.T, final, TYPE)
        back = tl.where(final > 0, _times(upstream, three, TYPE), 0.0)
        if TWO:
            sum_two += _times(back.T, h, TYPE)
            back = tl.where(h > 0, _times(back, two, TYPE), 0.0)
        sum_one += _times(back.T, inputs, TYPE)
        _store(of_x, n, count, _times(back, one, TYPE), INPUTS, INPUTS)
        start += programs * BLOCK
    row = tl.arange(0, WIDTH)
    _store(of_first + program * WIDTH * INPUTS, row, WIDTH, sum_one, INPUTS, INPUTS)
    if TWO:
        _store(of_middle + program * WIDTH * WIDTH, row, WIDTH, sum_two, WIDTH, WIDTH)
    _store(of_last + program * OUTPUTS * WIDTH, tl.arange(0, PADDED), OUTPUTS, sum_three, WIDTH, WIDTH)
