"""Half-quadratic splitting with a denoiser: a quadratic problem and a denoising in turn."""

from collections.abc import Iterator

from darkroom.core.errors import DarkroomError
from darkroom.operators.linear import LinearOperator
from darkroom.solvers.denoiser import Denoiser
from darkroom.solvers.iterate import Image, Iterate, Measurement
from darkroom.solvers.normal_equations import solve_normal_equations

REGULARISATION = 0.23
"""λ of DPIR (Zhang et al. 2022)."""


def half_quadratic(
    operator: LinearOperator,
    denoiser: Denoiser,
    y: Measurement,
    sigma: float,
    *,
    steps: int = 8,
    sigma_max: float = 49 / 255,
    regularisation: float = REGULARISATION,
    start: Image | None = None,
) -> Iterator[Iterate]:
    """Minimise g(z) + ‖Hx − y‖²/(2σ²) subject to z = x by a penalty on ‖x − z‖² that grows.

        x_k = argmin ‖Hx − y‖² + α_k ‖x − z_{k−1}‖² = (HᵀH + α_k)⁻¹ (Hᵀy + α_k z_{k−1}),   α_k = λ σ²/σ_k²
        z_k = D(x_k, σ_k)

    with σ_k falling geometrically from `sigma_max` to σ.

    Args:
        operator: H.
        denoiser: D(x, s): removes noise of standard deviation s from x.
        y: the measurement.
        sigma: σ, the standard deviation of its noise in the image's units; above 0.
        steps: number of iterations.
        sigma_max: σ₁, in the image's units.
        regularisation: λ.
        start: z₀; Hᵀy if not given.

    Yields:
        one `Iterate` per iteration, with u = z_k.

    Raises:
        DarkroomError: σ is not above 0.

    Source: Geman & Yang 1995; Zhang et al. 2022 (DPIR), algorithm 1.
    """
    if not sigma > 0:
        raise DarkroomError(f"the noise level sigma must be above 0, as it weighs the data against the prior; given {sigma:g}")
    backprojection = operator.adjoint(y)
    z = backprojection if start is None else start
    for step in range(1, steps + 1):
        level = sigma_max * (sigma / sigma_max) ** ((step - 1) / max(steps - 1, 1))
        alpha = regularisation * sigma**2 / level**2
        x = solve_normal_equations(operator, backprojection + alpha * z, alpha, start=z)
        denoised = denoiser(x, level)
        change = float((denoised - z).norm() / denoised.norm().clamp_min(1e-12))
        z = denoised
        error = operator(z) - y
        yield Iterate(step, z, float(error.double().square().mean().sqrt()), change, level)
