"""ISTA and FISTA with a denoiser in the place of the proximal operator: plug-and-play; derived in `docs/plug_and_play.md`."""

import math
from collections.abc import Iterator, Sequence

from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.operators.blur import Blur
from darkroom.solvers.denoiser import Denoiser
from darkroom.solvers.iterate import ImageFile, Iterate, Observed
from darkroom.solvers.regularised import inner, solved


def continuation(first: float, last: float, steps: int, hold: float = 0.3) -> list[float]:
    """σ₁ … σ_K: from `first` down to `last` in equal ratios, and `last` for the final share `hold` of the steps."""
    falling = max(1, round(steps * (1 - hold)))
    return [last * (first / last) ** max(0.0, 1 - step / falling) for step in range(steps)]


def ista(operator: Blur, denoiser: Denoiser, y: Observed, sigma: float, **options: object) -> Iterator[Iterate]:
    """The iterative shrinkage-thresholding algorithm: `proximal_gradient` without momentum.

    Source: Daubechies, Defrise, De Mol 2004; Beck & Teboulle 2009, equation 1.5.
    """
    return proximal_gradient(operator, denoiser, y, sigma, accelerated=False, **options)  # type: ignore[arg-type]


def fista(operator: Blur, denoiser: Denoiser, y: Observed, sigma: float, **options: object) -> Iterator[Iterate]:
    """The fast one: `proximal_gradient` with momentum.

    Source: Beck & Teboulle 2009, equations 4.1–4.3.
    """
    return proximal_gradient(operator, denoiser, y, sigma, accelerated=True, **options)  # type: ignore[arg-type]


def proximal_gradient(
    operator: Blur,
    denoiser: Denoiser,
    y: Observed,
    sigma: float,
    *,
    accelerated: bool,
    steps: int = 100,
    tau: float | None = None,
    sigmas: Sequence[float] | None = None,
    start: ImageFile | None = None,
    weight: float | None = None,
    restart: bool = True,
    backtracking: bool = True,
) -> Iterator[Iterate]:
    """Minimise g(u) + ‖Hu − y‖²/(2σ²), where g is known only through a denoiser.

    With f(u) = ½‖Hu − y‖², which is σ² times the data term, and z₁ = u₀, t₁ = 1:

        v_k     = z_k − τ Hᵀ(H z_k − y)                      gradient step
        u_k     = D(v_k, √τ σ_k)                             proximal step: the MAP denoiser of noise of that level
        t_{k+1} = (1 + √(1 + 4 t_k²)) / 2
        z_{k+1} = u_k + (t_k − 1)/t_{k+1} (u_k − u_{k−1})    with momentum, else u_k

    σ_k = σ is the algorithm as derived; a σ_k that falls towards σ solves easier problems first. `restart` sets t back to 1
    where the momentum points uphill, ⟨z_k − u_k, u_k − u_{k−1}⟩ > 0 (O'Donoghue & Candès 2015, equation 13). `backtracking`
    halves τ where f(u_k) > f(z_k) + ⟨∇f(z_k), u_k − z_k⟩ + ‖u_k − z_k‖²/(2τ) (Beck & Teboulle 2009, section 4).

    With a `weight` λ the gradient step is taken in the metric HᵀH + α_k rather than 1/τ, α_k = λ σ²/σ_k², and D is told σ_k:

        v_k = z_k − (HᵀH + α_k)⁻¹ Hᵀ(H z_k − y)

    which brings at once what plain steps bring slowly, the details that H has nearly taken away. Without momentum this *is*
    half-quadratic splitting.

    Args:
        operator: H, with its adjoint.
        denoiser: D(v, s): takes noise of deviation s off v.
        y: what was observed, `(channel, height, width)` as H answers.
        sigma: σ, the deviation of its noise in the image's units; above 0.
        accelerated: with momentum.
        steps: how many.
        tau: τ; by default 1 / ‖HᵀH‖.
        sigmas: σ₁, σ₂, …; σ throughout if not given, and its last for steps beyond its end.
        start: u₀; Hᵀy if not given.
        weight: λ; None for plain gradient steps. τ and backtracking are idle then.
        restart: see above.
        backtracking: see above.

    Yields:
        one `Iterate` a step.

    Raises:
        DarkroomError: σ is not above 0.
    """
    if not sigma > 0:
        raise DarkroomError(f"the noise level must be above 0 for a solver that weighs data against a prior, given {sigma:g}")
    if tau is None:
        tau = 1 / operator.lipschitz if weight is None else 1.0  # forty steps of the power method, where τ is used at all
    u = z = operator.adjoint(y) if start is None else start
    t = 1.0
    for step in range(1, steps + 1):
        level = sigmas[min(step, len(sigmas)) - 1] if sigmas else sigma
        error = operator(z) - y
        gradient = operator.adjoint(error)
        if weight is not None:
            following = denoiser(z - solved(operator, gradient, weight * sigma**2 / level**2), level)
        else:
            following, tau = _majorised(operator, denoiser, z, y, error, gradient, tau, level, backtracking)
            level = math.sqrt(tau) * level
        missed = operator(following) - y
        if restart and inner(z - following, following - u) > 0:
            t = 1.0
        t_next = (1 + math.sqrt(1 + 4 * t * t)) / 2
        z = following + (t - 1) / t_next * (following - u) if accelerated else following
        change = math.sqrt(_squared(following - u) / max(_squared(following), 1e-12))
        t, u = t_next, following
        yield Iterate(step, u, math.sqrt(_squared(missed) / missed.numel()), change, level)


def _majorised(
    operator: Blur,
    denoiser: Denoiser,
    z: Tensor,
    y: Tensor,
    error: Tensor,
    gradient: Tensor,
    tau: float,
    level: float,
    backtracking: bool,
) -> tuple[Tensor, float]:
    """A plain step from z, τ halved until its bound on f holds: `(u, τ)`."""
    value = 0.5 * _squared(error)
    while True:
        following = denoiser(z - tau * gradient, math.sqrt(tau) * level)
        moved = following - z
        bound = value + inner(gradient, moved) + _squared(moved) / (2 * tau)
        if not backtracking or not math.isfinite(bound) or 0.5 * _squared(operator(following) - y) <= bound * (1 + 1e-6):
            return following, tau
        tau /= 2


def _squared(x: Tensor) -> float:
    return inner(x, x)
