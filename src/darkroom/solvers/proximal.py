"""ISTA and FISTA with a denoiser in place of the proximal operator: plug-and-play; derived in `docs/plug_and_play.md`.

They minimise g(u) + ‖Hu − y‖²/(2σ²), where g is known through a denoiser D only. With f(u) = ½‖Hu − y‖², which is σ² times the
data term, and z₁ = u₀, t₁ = 1:

    v_k     = z_k − τ Hᵀ(H z_k − y)                      gradient step
    u_k     = D(v_k, √τ σ_k)                             proximal step: the MAP denoiser of noise of that level
    t_{k+1} = (1 + √(1 + 4 t_k²)) / 2
    z_{k+1} = u_k + (t_k − 1)/t_{k+1} (u_k − u_{k−1})    with momentum (FISTA), else u_k (ISTA)

σ_k = σ is the algorithm as derived; a σ_k that falls to σ solves easier problems first (continuation).

With a regularisation parameter λ, the gradient step is taken in the metric HᵀH + α_k rather than 1/τ, with
α_k = λ σ²/σ_k², and the denoiser is given σ_k:

    v_k = z_k − (HᵀH + α_k)⁻¹ Hᵀ(H z_k − y)

which recovers at once the details that H has attenuated, where plain steps are slow. Without momentum this is half-quadratic
splitting.

Source: Daubechies, Defrise, De Mol 2004; Beck & Teboulle 2009, equations 1.5 and 4.1–4.3; Venkatakrishnan, Bouman, Wohlberg 2013.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.operators.linear import LinearOperator
from darkroom.solvers.denoiser import Denoiser
from darkroom.solvers.iterate import Image, Iterate, Measurement
from darkroom.solvers.normal_equations import inner, solve_normal_equations

Step = Callable[[Tensor, float], tuple[Tensor, float]]
"""(z, σ_k) to (u, the noise level that was given to the denoiser)."""


def continuation(first: float, last: float, steps: int, hold: float = 0.3) -> list[float]:
    """σ₁ … σ_K: falling geometrically from `first` to `last`, and `last` for the final fraction `hold` of the steps.

    Example:
        >>> [round(sigma, 3) for sigma in continuation(0.4, 0.1, steps=4, hold=0.5)]
        [0.4, 0.2, 0.1, 0.1]
    """
    falling = max(1, round(steps * (1 - hold)))
    return [last * (first / last) ** max(0.0, 1 - step / falling) for step in range(steps)]


def ista(operator: LinearOperator, denoiser: Denoiser, y: Measurement, sigma: float, **options: object) -> Iterator[Iterate]:
    """The iterative shrinkage-thresholding algorithm: `proximal_gradient` without momentum."""
    return proximal_gradient(operator, denoiser, y, sigma, accelerated=False, **options)  # type: ignore[arg-type]


def fista(operator: LinearOperator, denoiser: Denoiser, y: Measurement, sigma: float, **options: object) -> Iterator[Iterate]:
    """The fast iterative shrinkage-thresholding algorithm: `proximal_gradient` with momentum."""
    return proximal_gradient(operator, denoiser, y, sigma, accelerated=True, **options)  # type: ignore[arg-type]


def proximal_gradient(
    operator: LinearOperator,
    denoiser: Denoiser,
    y: Measurement,
    sigma: float,
    *,
    accelerated: bool,
    steps: int = 100,
    tau: float | None = None,
    sigmas: Sequence[float] | None = None,
    start: Image | None = None,
    regularisation: float | None = None,
    restart: bool = True,
    backtracking: bool = True,
) -> Iterator[Iterate]:
    """Proximal gradient iterations in the symbols of this module's docstring.

    Args:
        operator: H.
        denoiser: D(v, s): removes noise of standard deviation s from v.
        y: the measurement.
        sigma: σ, the standard deviation of its noise in the image's units; above 0.
        accelerated: with momentum.
        steps: number of iterations.
        tau: τ; 1 / ‖HᵀH‖ if not given.
        sigmas: σ₁, σ₂, …, the last one for all further steps; σ throughout if not given.
        start: u₀; Hᵀy if not given.
        regularisation: λ; None for plain gradient steps. With it, τ and backtracking have no effect.
        restart: set t to 1 where the momentum points uphill, ⟨z_k − u_k, u_k − u_{k−1}⟩ > 0 (O'Donoghue & Candès 2015, eq. 13).
        backtracking: halve τ where f(u_k) > f(z_k) + ⟨∇f(z_k), u_k − z_k⟩ + ‖u_k − z_k‖²/(2τ) (Beck & Teboulle 2009, section 4).

    Yields:
        one `Iterate` per iteration.

    Raises:
        DarkroomError: σ is not above 0.
    """
    if not sigma > 0:
        raise DarkroomError(f"the noise level sigma must be above 0, as it weighs the data against the prior; given {sigma:g}")
    step_from: Step = _GradientStep(operator, denoiser, y, tau or 0.0, backtracking)
    if regularisation is not None:
        step_from = _MetricStep(operator, denoiser, y, regularisation * sigma**2)
    u = z = operator.adjoint(y) if start is None else start
    t = 1.0
    for step in range(1, steps + 1):
        denoised, level = step_from(z, sigmas[min(step, len(sigmas)) - 1] if sigmas else sigma)
        error = operator(denoised) - y
        if restart and inner(z - denoised, denoised - u) > 0:
            t = 1.0
        t_next = (1 + math.sqrt(1 + 4 * t * t)) / 2
        z = denoised + (t - 1) / t_next * (denoised - u) if accelerated else denoised
        change = math.sqrt(_squared(denoised - u) / max(_squared(denoised), 1e-12))
        t, u = t_next, denoised
        yield Iterate(step, u, math.sqrt(_squared(error) / error.numel()), change, level)


@dataclass
class _GradientStep:
    """A gradient step, then the denoiser; τ is halved until the quadratic bound on f holds, and stays so.

    Args:
        tau: τ; 0 for 1 / ‖HᵀH‖.
    """

    operator: LinearOperator
    denoiser: Denoiser
    y: Tensor
    tau: float
    backtracking: bool

    def __call__(self, z: Tensor, sigma: float) -> tuple[Tensor, float]:
        self.tau = self.tau or 1 / self.operator.lipschitz
        error = self.operator(z) - self.y
        gradient, value = self.operator.adjoint(error), 0.5 * _squared(error)
        while True:
            level = math.sqrt(self.tau) * sigma
            u = self.denoiser(z - self.tau * gradient, level)
            difference = u - z
            bound = value + inner(gradient, difference) + _squared(difference) / (2 * self.tau)
            if (
                not self.backtracking
                or not math.isfinite(bound)
                or 0.5 * _squared(self.operator(u) - self.y) <= bound * (1 + 1e-6)
            ):
                return u, level
            self.tau /= 2


@dataclass
class _MetricStep:
    """A gradient step in the metric HᵀH + α, α = weight/σ_k², then the denoiser."""

    operator: LinearOperator
    denoiser: Denoiser
    y: Tensor
    weight: float

    def __call__(self, z: Tensor, sigma: float) -> tuple[Tensor, float]:
        gradient = self.operator.adjoint(self.operator(z) - self.y)
        return self.denoiser(z - solve_normal_equations(self.operator, gradient, self.weight / sigma**2), sigma), sigma


def _squared(x: Tensor) -> float:
    return inner(x, x)
