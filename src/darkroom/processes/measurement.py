"""What is measured of an image, y = H x + n, and samples of the images that agree with it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.operators.linear import LinearOperator
from darkroom.operators.partial_isometry import PartialIsometry
from darkroom.processes.noise import Noise
from darkroom.processes.samplers.predictor_corrector import Constraint
from darkroom.processes.sde import SDE

LEAST_REGULARISATION = 1e-2
"""Of the pseudo-inverse of an operator without closed form, relative to ‖HᵀH‖."""


@dataclass(frozen=True)
class Measurement:
    """y = H x + n with n ~ N(0, σ² I), in the units of the process.

    Args:
        operator: H, on the last two axes.
        y: `(batch, channel, …)`, or `(1, channel, …)` for all samples.
        sigma: σ.
    """

    operator: LinearOperator
    y: Tensor
    sigma: float = 0.0


@dataclass(frozen=True)
class Projection(Constraint):
    """After every update, H x is replaced by what the measurement says it is at this noise level.

        y(t) = α y + √(σ(t)² − α² σ² / c) H z,    x ← x + H⁺ (y(t) − H x)

    with c of `PartialIsometry` (else 1). y(t) has the distribution of H x(t), as long as the process is noisier than the
    measurement; below that level x is left to the process. So for H = 1 this is exactly sampling from the posterior, begun at the
    noise level of y. Without noise, the result is projected once more and agrees with y.

    Args:
        measurement: H, y and σ. H is a `PartialIsometry`, or has `normal_inverse`; then H⁺ is regularised.

    Source: Song et al. 2021, appendix I.2 (inpainting); Song, Shen, Xing, Ermon 2022, section 3.3 (linear measurements).
    """

    measurement: Measurement

    def binds(self, sde: SDE, t: Tensor) -> bool:
        return bool(self._missing(sde, t) >= 0)

    def __call__(self, sde: SDE, x: Tensor, t: Tensor, noise: Noise) -> Tensor:
        known = self.measurement
        return self._projected(x, sde.alpha(t) * known.y + self._missing(sde, t).sqrt() * known.operator(noise()))

    def finish(self, x: Tensor) -> Tensor:
        return x if self.measurement.sigma else self._projected(x, self.measurement.y)

    def _projected(self, x: Tensor, target: Tensor) -> Tensor:
        operator = self.measurement.operator
        difference = target - operator(x)
        if isinstance(operator, PartialIsometry):
            return x + operator.pseudo_inverse(difference)
        inverse = operator.normal_inverse(LEAST_REGULARISATION * operator.lipschitz)
        if inverse is None:
            raise DarkroomError(
                f"{type(operator).__name__} has no pseudo-inverse in closed form: take diffusion posterior sampling"
            )
        return x + inverse(operator.adjoint(difference))

    def _missing(self, sde: SDE, t: Tensor) -> Tensor:
        """The variance that the noise of the process has and α y has not."""
        operator, sigma = self.measurement.operator, self.measurement.sigma
        gain = operator.gain if isinstance(operator, PartialIsometry) else 1.0
        return sde.sigma(t) ** 2 - (sde.alpha(t) * sigma) ** 2 / gain


def residual(measurement: Measurement, x: Tensor) -> Tensor:
    """‖y − H x‖ of every sample."""
    return torch.linalg.vector_norm((measurement.y - measurement.operator(x)).flatten(1), dim=1)
