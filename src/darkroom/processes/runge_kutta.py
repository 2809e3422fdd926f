"""The Runge–Kutta pair of Dormand and Prince with a step size of its own for every element of a batch."""

from collections.abc import Callable

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError

Derivative = Callable[[Tensor, Tensor, Tensor], Tensor]
"""dy/dt at states `(batch, …)` and times `(batch,)` of the elements with the given numbers `(batch,)`."""

MOST_STEPS = 10_000

_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES: tuple[tuple[float, ...], ...] = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (-71 / 57600, 0.0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40)
"""Weights of the difference between the solutions of order five and four."""


def dormand_prince(
    derivative: Derivative,
    y: Tensor,
    start: float,
    end: float,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    progress: Callable[[float], None] = lambda share: None,
) -> Tensor:
    """Solve dy/dt = derivative(y, t, numbers) from t = start to t = end, each element of the batch by steps of its own size.

    A step is accepted if the root mean square of error / (atol + rtol max |y|) over the element is at most 1. Solvers that
    choose one step for the whole batch (SciPy's and torchdiffeq's) let a sample depend on its neighbours; here it does not.
    Elements that have arrived are not evaluated any more.

    Args:
        derivative: called with the elements that are still on their way.
        y: `(batch, …)` at `start`.
        start, end: end may be the earlier one.
        rtol, atol: relative and absolute tolerance of a step.
        progress: called with the share of the way that the slowest element has come.

    Raises:
        DarkroomError: an element needs more than `MOST_STEPS` steps, or its state is not finite.

    Source: Dormand & Prince 1980; the choice of steps is that of Hairer, Nørsett, Wanner 1993, section II.4.

    Example:
        >>> y = dormand_prince(lambda y, t, numbers: -y, torch.ones(2, 1, dtype=torch.float64), 0.0, 1.0, rtol=1e-8, atol=1e-8)
        >>> bool((y - torch.tensor(-1.0, dtype=torch.float64).exp()).abs().max() < 1e-7)
        True
    """
    y, t = y.clone(), torch.full((len(y),), start, dtype=torch.float64, device=y.device)
    slope = derivative(y, t, torch.arange(len(y), device=y.device))
    step = _first_step(derivative, y, t, slope, end, rtol, atol)
    largest_growth = torch.full_like(t, 10.0)
    for _ in range(MOST_STEPS):
        active = (t != end).nonzero()[:, 0]
        if not len(active):
            return y
        h = torch.minimum(step[active], (end - t[active]).abs()) * (1 if end > start else -1)
        arrives = h.abs() >= (end - t[active]).abs()
        proposed, slopes = _stages(derivative, y[active], t[active], h, slope[active], active)
        scale = atol + rtol * torch.maximum(y[active].abs(), proposed.abs())
        error = _rms(_weighted(slopes, _ERROR, h) / scale)
        if not torch.isfinite(error).all():
            raise DarkroomError(
                "the solution of the differential equation is not finite: the score is not, or is far too large"
            )
        accepted = error <= 1
        factor = (0.9 * error.clamp(min=1e-10) ** -0.2).clamp(min=0.2)
        step[active] = h.abs() * torch.where(accepted, torch.minimum(factor, largest_growth[active]), factor)
        largest_growth[active] = 1.0 + 9.0 * accepted.double()  # no growth right after a rejected step
        done = active[accepted]
        y[done], slope[done] = proposed[accepted], slopes[-1][accepted]
        t[done] = torch.where(arrives, torch.full_like(h, end), t[active] + h)[accepted]
        progress(float(((t - start) / (end - start)).min()))
    raise DarkroomError(f"the differential equation is not solved after {MOST_STEPS} steps: allow larger tolerances")


def _stages(f: Derivative, y: Tensor, t: Tensor, h: Tensor, slope: Tensor, numbers: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The state after the step, and the seven slopes."""
    slopes, state = [slope], y
    for node, weights in zip(_NODES[1:], _STAGES, strict=True):
        state = y + _weighted(slopes, weights, h)
        slopes.append(f(state, t + node * h, numbers))
    return state, slopes


def _weighted(slopes: list[Tensor], weights: tuple[float, ...], h: Tensor) -> Tensor:
    """h Σ wᵢ kᵢ."""
    total = sum(weight * slope for weight, slope in zip(weights, slopes, strict=True) if weight)
    assert isinstance(total, Tensor)
    return total * _over(h, total)


def _first_step(f: Derivative, y: Tensor, t: Tensor, slope: Tensor, end: float, rtol: float, atol: float) -> Tensor:
    """A step size for each element, by the sizes of the first and the second derivative (Hairer et al. 1993, page 169)."""
    scale, way = atol + rtol * y.abs(), (end - t).abs()
    d0, d1 = _rms(y / scale), _rms(slope / scale)
    h0 = torch.where((d0 < 1e-5) | (d1 < 1e-5), torch.full_like(d0, 1e-6), 0.01 * d0 / d1.clamp(min=1e-30))
    h0 = torch.minimum(h0, way)
    signed = h0 * (end - t).sign()
    numbers = torch.arange(len(y), device=y.device)
    d2 = _rms((f(y + _over(signed, y) * slope, t + signed, numbers) - slope) / scale) / h0.clamp(min=1e-30)
    largest = torch.maximum(d1, d2)
    h1 = torch.where(largest <= 1e-15, (1e-3 * h0).clamp(min=1e-6), (0.01 / largest.clamp(min=1e-30)) ** 0.2)
    return torch.minimum(torch.minimum(100 * h0, h1), way)


def _rms(x: Tensor) -> Tensor:
    """Root mean square of each element, in float64."""
    return x.flatten(1).double().square().mean(1).sqrt()


def _over(values: Tensor, x: Tensor) -> Tensor:
    return values.to(x.dtype).reshape(-1, *[1] * (x.dim() - 1))
