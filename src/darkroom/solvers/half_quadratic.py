"""Half-quadratic splitting with a denoiser: the data term is solved exactly, and the prior is asked a few times."""

from collections.abc import Iterator

from darkroom.core.errors import DarkroomError
from darkroom.operators.blur import Blur
from darkroom.solvers.denoiser import Denoiser
from darkroom.solvers.iterate import ImageFile, Iterate, Observed
from darkroom.solvers.regularised import solved


def half_quadratic(
    operator: Blur,
    denoiser: Denoiser,
    y: Observed,
    sigma: float,
    *,
    steps: int = 8,
    strongest: float = 49 / 255,
    weight: float = 0.23,
    start: ImageFile | None = None,
) -> Iterator[Iterate]:
    """Minimise g(z) + ‖Hx − y‖²/(2σ²) with z = x enforced more and more.

        x_k = argmin ‖Hx − y‖² + α_k ‖x − z_{k−1}‖² = (HᵀH + α_k)⁻¹ (Hᵀy + α_k z_{k−1}),   α_k = λ σ²/σ_k²
        z_k = D(x_k, σ_k)

    with σ_k from `strongest` down to σ in equal ratios.

    Args:
        operator: H; its equation is solved by `Blur` in the Fourier domain if circular, else by conjugate gradients.
        denoiser: D(x, s): takes noise of deviation s off x.
        y: what was observed.
        sigma: σ in the image's units; above 0.
        steps: how often the denoiser is asked.
        strongest: σ₁.
        weight: λ.
        start: z₀; Hᵀy if not given.

    Raises:
        DarkroomError: σ is not above 0.

    Source: Geman & Yang 1995; Zhang et al. 2022 (DPIR), algorithm 1 and its settings.
    """
    if not sigma > 0:
        raise DarkroomError(f"the noise level must be above 0 for a solver that weighs data against a prior, given {sigma:g}")
    back = operator.adjoint(y)
    z = back if start is None else start
    for step in range(1, steps + 1):
        level = strongest * (sigma / strongest) ** ((step - 1) / max(steps - 1, 1))
        alpha = weight * sigma**2 / level**2
        x = solved(operator, back + alpha * z, alpha, start=z)
        following = denoiser(x, level)
        change = float((following - z).norm() / following.norm().clamp_min(1e-12))
        z = following
        missed = operator(z) - y
        yield Iterate(step, z, float(missed.double().square().mean().sqrt()), change, level)
