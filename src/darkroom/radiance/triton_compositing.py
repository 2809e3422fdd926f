"""Triton kernels of volume rendering, forward and backward; the reference is in `radiance.rendering`."""

# mypy: disable-error-code="no-untyped-def"

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 32
"""Samples of a ray that are taken at a time; most rays have no more."""


class Composite(torch.autograd.Function):
    """Colour without background, opacity, depth and weights of packed samples from their optical thickness and colours.

    A program takes one ray, from front to back. Weights and positions have no gradient of their own.
    """

    @staticmethod
    def forward(
        context: Any, thickness: Tensor, colours: Tensor, t: Tensor, first: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """
        Args:
            thickness: `(samples,)`, at least 0.
            colours: `(samples, 3)`.
            t: `(samples,)`.
            first: index of each ray's first sample, and at the end the number of samples, `(rays + 1,)`.
        """
        count = len(first) - 1
        inputs = [part.contiguous() for part in (thickness, colours, t, first)]
        sums, weights = thickness.new_empty(count, 5), torch.zeros_like(thickness)  # samples of no ray have no weight
        if count:
            _composite[(count,)](*inputs, sums, weights, BLOCK=BLOCK)
        context.save_for_backward(*inputs, sums)
        context.mark_non_differentiable(weights)
        return sums[:, :3], sums[:, 3], sums[:, 4], weights

    @staticmethod
    def backward(  # type: ignore[override]
        context: Any, colour: Tensor, opacity: Tensor, depth: Tensor, _: Any
    ) -> tuple[Tensor, Tensor, None, None]:
        thickness, colours, t, first, sums = context.saved_tensors
        upstream = torch.cat([colour, opacity[:, None], depth[:, None]], 1).contiguous()
        of_thickness, of_colours = torch.zeros_like(thickness), torch.zeros_like(colours)
        if len(sums):
            _composite_backward[(len(sums),)](
                thickness, colours, t, first, sums, upstream, of_thickness, of_colours, BLOCK=BLOCK
            )
        return of_thickness, of_colours, None, None


@triton.jit
def _weights(thickness, i, valid, before):
    """Optical thickness of some samples, what is transmitted to them, and their weights; `before`: thickness up to there."""
    x = tl.load(thickness + i, mask=valid, other=0.0)
    ahead = before + tl.cumsum(x, 0) - x
    transmitted = tl.exp(-ahead)
    # 1 - exp(-x), by its series where the difference would lose digits
    alpha = tl.where(x < 1e-3, x * (1 - x * (0.5 - x / 6)), 1 - tl.exp(-x))
    return x, transmitted, tl.where(valid, transmitted * alpha, 0.0)


@triton.jit
def _composite(thickness, colours, t, first, sums, weights, BLOCK: tl.constexpr):
    ray = tl.program_id(0)
    begin, end = tl.load(first + ray), tl.load(first + ray + 1)
    red, green, blue, opacity, depth, before = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    while begin < end:
        i = begin + tl.arange(0, BLOCK)
        valid = i < end
        x, _, weight = _weights(thickness, i, valid, before)
        tl.store(weights + i, weight, mask=valid)
        red += tl.sum(weight * tl.load(colours + 3 * i, mask=valid, other=0.0))
        green += tl.sum(weight * tl.load(colours + 3 * i + 1, mask=valid, other=0.0))
        blue += tl.sum(weight * tl.load(colours + 3 * i + 2, mask=valid, other=0.0))
        opacity += tl.sum(weight)
        depth += tl.sum(weight * tl.load(t + i, mask=valid, other=0.0))
        before += tl.sum(x)
        begin += BLOCK
    tl.store(sums + 5 * ray, red)
    tl.store(sums + 5 * ray + 1, green)
    tl.store(sums + 5 * ray + 2, blue)
    tl.store(sums + 5 * ray + 3, opacity)
    tl.store(sums + 5 * ray + 4, depth)


@triton.jit
def _composite_backward(
    thickness, colours, t, first, sums, upstream, of_thickness, of_colours, BLOCK: tl.constexpr
):  # fmt: skip
    """With v_i the gradient to the weight of a sample, dL/dx_i = T_i exp(-x_i) v_i - sum_{j>i} w_j v_j."""
    ray = tl.program_id(0)
    begin, end = tl.load(first + ray), tl.load(first + ray + 1)
    red, green, blue = tl.load(upstream + 5 * ray), tl.load(upstream + 5 * ray + 1), tl.load(upstream + 5 * ray + 2)
    opacity, depth = tl.load(upstream + 5 * ray + 3), tl.load(upstream + 5 * ray + 4)
    # sum_j w_j v_j over the whole ray is known from the sums of the forward pass.
    behind = red * tl.load(sums + 5 * ray) + green * tl.load(sums + 5 * ray + 1) + blue * tl.load(sums + 5 * ray + 2)
    behind += opacity * tl.load(sums + 5 * ray + 3) + depth * tl.load(sums + 5 * ray + 4)
    before = 0.0
    while begin < end:
        i = begin + tl.arange(0, BLOCK)
        valid = i < end
        x, transmitted, weight = _weights(thickness, i, valid, before)
        value = red * tl.load(colours + 3 * i, mask=valid, other=0.0)
        value += green * tl.load(colours + 3 * i + 1, mask=valid, other=0.0)
        value += blue * tl.load(colours + 3 * i + 2, mask=valid, other=0.0)
        value += opacity + depth * tl.load(t + i, mask=valid, other=0.0)
        share = weight * value
        after = behind - tl.cumsum(share, 0)
        tl.store(of_thickness + i, transmitted * tl.exp(-x) * value - after, mask=valid)
        tl.store(of_colours + 3 * i, weight * red, mask=valid)
        tl.store(of_colours + 3 * i + 1, weight * green, mask=valid)
        tl.store(of_colours + 3 * i + 2, weight * blue, mask=valid)
        behind -= tl.sum(share)
        before += tl.sum(x)
        begin += BLOCK
