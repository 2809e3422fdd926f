"""Diffusion processes from images to noise: variance exploding (VE), variance preserving (VP), sub-VP, and their discrete forms."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError


class SDE(ABC):
    """dx = f(t) x dt + g(t) dw from an image x(0) to noise x(1), with a linear drift.

    Every such process is known by two functions of time,

        p(x(t) | x(0)) = N(α(t) x(0), σ(t)² I),

    and every sampler here is written with them. Given a score s(x, t) ≈ ∇ log p_t(x), the process runs backwards by

        dx = [f(t) x − g(t)² s(x, t)] dt + g(t) dw̄           (reverse SDE, eq. 6)
        dx = [f(t) x − ½ g(t)² s(x, t)] dt                   (probability flow, eq. 13)

    Times are tensors of any shape in [0, 1]; results have their shape and precision. Times that a whole batch shares are float64
    numbers on the CPU, since differences of neighbouring levels are taken.

    Attributes:
        epsilon: the time at which sampling ends; the rest is removed by `denoise`.
        levels: number of noise levels of a discrete process, at the times i / (levels − 1); None for a continuous one.

    Source: Song et al. 2021, sections 3 and 4.3, appendices B and C.

    Example:
        >>> t = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
        >>> [f"{value:.3g}" for value in VE(0.01, 50.0).sigma(t)]
        ['0.01', '0.707', '50']
        >>> sde = VP()
        >>> torch.allclose(sde.alpha(t) ** 2 + sde.sigma(t) ** 2, torch.ones(3, dtype=torch.float64))
        True
    """

    epsilon: float
    levels: int | None = None

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """α(t), the factor of the image."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """σ(t), the standard deviation of the noise."""

    @abstractmethod
    def drift(self, t: Tensor) -> Tensor:
        """f(t), the factor of x in the drift."""

    @abstractmethod
    def diffusion(self, t: Tensor) -> Tensor:
        """g(t)."""

    @abstractmethod
    def time(self, ratio: Tensor) -> Tensor:
        """The time at which σ(t) / α(t) is `ratio`, clipped to [0, 1]: the inverse of `ratio`."""

    def ratio(self, t: Tensor) -> Tensor:
        """σ(t) / α(t): the noise level of x(t) / α(t), an image plus noise."""
        return self.sigma(t) / self.alpha(t)

    def transition(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """(a, b) with p(x(later) | x(earlier)) = N(a x(earlier), b² I): the process's exact discretisation.

        a = α(later) / α(earlier) and b² = σ(later)² − a² σ(earlier)². For VE b² is σᵢ² − σᵢ₋₁²; for VP a is √(1 − βᵢ) and
        b is √βᵢ (eq. 46 and its derivation).
        """
        a = self.alpha(later) / self.alpha(earlier)
        return a, (self.sigma(later) ** 2 - (a * self.sigma(earlier)) ** 2).clamp(min=0).sqrt()

    def denoise(self, x: Tensor, t: Tensor, score: Tensor) -> Tensor:
        """E[x(0) | x(t)] = (x + σ² s) / α by the score s at (x, t) (Tweedie's formula)."""
        return (x + over(self.sigma(t) ** 2, x) * score) / over(self.alpha(t), x)

    @property
    def prior_sigma(self) -> float:
        """Standard deviation of the noise that sampling begins with; the mean is 0."""
        return float(self.sigma(torch.ones((), dtype=torch.float64)))

    def log_prior(self, x: Tensor) -> Tensor:
        """log N(x; 0, prior_sigma² I) of every element of a batch, in nats."""
        count, sigma = x[0].numel(), self.prior_sigma
        squares = x.flatten(1).double().square().sum(1) / sigma**2
        return -0.5 * squares - count * math.log(sigma * math.sqrt(2 * math.pi))

    def times(self, steps: int) -> Tensor:
        """`steps` times from 1 down to `epsilon`, evenly spaced; float64 on the CPU."""
        return torch.linspace(1.0, self.epsilon, steps, dtype=torch.float64, device="cpu")


def over(values: Tensor, x: Tensor) -> Tensor:
    """Numbers of a batch `(batch,)` with the axes of x, to be multiplied with it; a single number stays one."""
    return values.reshape(-1, *[1] * (x.dim() - 1)).to(x) if values.dim() else values


class VE(SDE):
    """Variance exploding: α = 1, σ(t) = σ_min (σ_max / σ_min)ᵗ; noise is added to the image and the image stays (eq. 9).

    At t = 0 the noise has the standard deviation σ_min, not 0.

    Args:
        sigma_min: 0.01 for images in [0, 1].
        sigma_max: about the largest distance between two images: 50 for CIFAR-10, 90 for CelebA at 64×64.

    Source: Song et al. 2021, section 3.4 and appendix C.
    """

    epsilon = 1e-5

    def __init__(self, sigma_min: float = 0.01, sigma_max: float = 50.0) -> None:
        if not 0 < sigma_min < sigma_max:
            raise DarkroomError(f"noise levels of a VE process grow from above 0, given {sigma_min:g} to {sigma_max:g}")
        self.sigma_min, self.sigma_max = sigma_min, sigma_max
        self._growth = math.log(sigma_max / sigma_min)

    def __str__(self) -> str:
        return f"VE, sigma {self.sigma_min:g} to {self.sigma_max:g}"

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_min * (self._growth * t).exp()

    def drift(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def diffusion(self, t: Tensor) -> Tensor:
        return self.sigma(t) * math.sqrt(2 * self._growth)

    def time(self, ratio: Tensor) -> Tensor:
        return ((ratio / self.sigma_min).log() / self._growth).clamp(0, 1)


class VP(SDE):
    """Variance preserving: f = −½ β(t), g² = β(t), β(t) = β_min + t (β_max − β_min); α² + σ² = 1 (eq. 11).

    Args:
        beta_min: β(0), 0.1 in the paper.
        beta_max: β(1), 20 in the paper.

    Source: Song et al. 2021, section 3.4 and appendix C.
    """

    epsilon = 1e-3

    def __init__(self, beta_min: float = 0.1, beta_max: float = 20.0) -> None:
        if not 0 < beta_min <= beta_max:
            raise DarkroomError(f"the rates of a VP process grow from above 0, given {beta_min:g} to {beta_max:g}")
        self.beta_min, self.beta_max = beta_min, beta_max

    def __str__(self) -> str:
        return f"VP, beta {self.beta_min:g} to {self.beta_max:g}"

    def beta(self, t: Tensor) -> Tensor:
        """β(t)."""
        return self.beta_min + t * (self.beta_max - self.beta_min)

    def integral(self, t: Tensor) -> Tensor:
        """B(t), the integral of β from 0 to t."""
        return t * self.beta_min + 0.5 * t**2 * (self.beta_max - self.beta_min)

    def alpha(self, t: Tensor) -> Tensor:
        return (-0.5 * self.integral(t)).exp()

    def sigma(self, t: Tensor) -> Tensor:
        return (-torch.expm1(-self.integral(t))).sqrt()

    def drift(self, t: Tensor) -> Tensor:
        return -0.5 * self.beta(t)

    def diffusion(self, t: Tensor) -> Tensor:
        return self.beta(t).sqrt()

    def time(self, ratio: Tensor) -> Tensor:
        return self._time_of_integral(torch.log1p(ratio**2))

    def _time_of_integral(self, integral: Tensor) -> Tensor:
        """B⁻¹: the root of ½ (β_max − β_min) t² + β_min t = B, in the form without cancellation."""
        root = (self.beta_min**2 + 2 * (self.beta_max - self.beta_min) * integral).sqrt()
        return (2 * integral / (root + self.beta_min)).clamp(0, 1)


class SubVP(VP):
    """sub-VP: the drift of VP with less noise, σ(t) = 1 − e^(−B(t)), g² = β (1 − e^(−2B)) (eq. 12)."""

    def __str__(self) -> str:
        return f"sub-{super().__str__()}"

    def sigma(self, t: Tensor) -> Tensor:
        return -torch.expm1(-self.integral(t))

    def diffusion(self, t: Tensor) -> Tensor:
        return (self.beta(t) * -torch.expm1(-2 * self.integral(t))).sqrt()

    def time(self, ratio: Tensor) -> Tensor:
        alpha = 0.5 * ((ratio**2 + 4).sqrt() - ratio)  # the positive root of (1 − α²) / α = ratio
        return self._time_of_integral(-2 * alpha.log())


class SMLD(VE):
    """The noise levels of SMLD: VE at `levels` times, σᵢ a geometric sequence from σ_min to σ_max (eq. 8).

    Args:
        levels: number of noise levels.
        sigma_min, sigma_max: the first and the last.
    """

    epsilon = 0.0

    def __init__(self, levels: int = 1000, sigma_min: float = 0.01, sigma_max: float = 50.0) -> None:
        super().__init__(sigma_min, sigma_max)
        self.levels = at_least_two(levels)

    def __str__(self) -> str:
        return f"SMLD of {self.levels} levels, sigma {self.sigma_min:g} to {self.sigma_max:g}"


class DDPM(VP):
    """The Markov chain of DDPM: βᵢ from β_min / N to β_max / N, evenly spaced, and αᵢ² = Π (1 − βⱼ), j ≤ i (eq. 10).

    Between two levels log α is interpolated linearly, so the drift is constant there; at the levels everything is the chain's.
    At t = 0 there is the noise of the first level.

    Args:
        levels: N.
        beta_min, beta_max: of the VP process of which it is the discretisation.
    """

    epsilon = 0.0

    def __init__(self, levels: int = 1000, beta_min: float = 0.1, beta_max: float = 20.0) -> None:
        super().__init__(beta_min, beta_max)
        self.levels = at_least_two(levels)
        if not beta_max < levels:
            raise DarkroomError(f"{levels} levels are too few for rates up to {beta_max:g}: more than {beta_max:g} are needed")
        with torch.device("cpu"):
            betas = torch.linspace(beta_min / levels, beta_max / levels, levels, dtype=torch.float64)
        self._integrals = -torch.log1p(-betas).cumsum(0)

    def __str__(self) -> str:
        return f"DDPM of {self.levels} levels, beta {self.beta_min:g} to {self.beta_max:g}"

    def _interval(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The position between two levels in [0, 1], and B at either, for every time."""
        count = len(self._integrals)
        position = t.clamp(0, 1) * (count - 1)
        lower = position.floor().clamp(max=count - 2)
        table, index = self._integrals.to(t), lower.long()
        return position - lower, table[index], table[index + 1]

    def integral(self, t: Tensor) -> Tensor:
        share, lower, upper = self._interval(t)
        return lower + share * (upper - lower)

    def beta(self, t: Tensor) -> Tensor:
        _, lower, upper = self._interval(t)
        return (upper - lower) * (len(self._integrals) - 1)

    def _time_of_integral(self, integral: Tensor) -> Tensor:
        table = self._integrals.to(integral)
        upper = torch.searchsorted(table, integral.contiguous()).clamp(1, len(table) - 1)
        share = (integral - table[upper - 1]) / (table[upper] - table[upper - 1])
        return ((upper - 1 + share) / (len(table) - 1)).clamp(0, 1)


def at_least_two(levels: int) -> int:
    """A number of noise levels.

    Raises:
        DarkroomError: it is below 2.
    """
    if levels < 2:
        raise DarkroomError(f"a discrete process needs at least 2 noise levels, given {levels}")
    return levels
