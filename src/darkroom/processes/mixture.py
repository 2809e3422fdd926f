"""A distribution whose score is known at every time: samplers and likelihoods can be tried on it without a network."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from darkroom.processes.sde import SDE, over


class Mixture:
    """A mixture of one-dimensional Gaussians, the same and independent for every value of a sample.

    At time t every component N(μ, s²) has become N(α μ, α² s² + σ²).

    Args:
        weights: of the components; they are divided by their sum.
        means, deviations: μ and s of each.

    Example:
        >>> from darkroom.processes.sde import VE
        >>> one = Mixture([1.0], [0.5], [0.0])
        >>> one.score(VE())(torch.tensor([[0.75]]), torch.ones(1))  # (0.5 − 0.75) / 50²
        tensor([[-0.0001]])
    """

    def __init__(self, weights: Sequence[float], means: Sequence[float], deviations: Sequence[float]) -> None:
        self.weights = torch.tensor(weights, dtype=torch.float64) / sum(weights)
        self.means, self.deviations = (torch.tensor(values, dtype=torch.float64) for values in (means, deviations))

    @property
    def mean(self) -> float:
        """The mean of a value."""
        return float((self.weights * self.means).sum())

    @property
    def deviation(self) -> float:
        """The standard deviation of a value."""
        return math.sqrt(float((self.weights * (self.means**2 + self.deviations**2)).sum()) - self.mean**2)

    def score(self, sde: SDE) -> Callable[[Tensor, Tensor], Tensor]:
        """s(x, t) = ∇ log p_t(x) under a process, exactly."""

        def score(x: Tensor, t: Tensor) -> Tensor:
            means, variances = self._at(sde, t, x)
            responsibilities = self._logits(x, means, variances).softmax(-1)
            return (responsibilities * (means - x[..., None].double()) / variances).sum(-1).to(x)

        return score

    def log_density(self, x: Tensor, sde: SDE, t: Tensor) -> Tensor:
        """log p_t(x) in nats of every element of a batch, at times `(batch,)`."""
        means, variances = self._at(sde, t, x)
        return self._logits(x, means, variances).logsumexp(-1).flatten(1).sum(1)

    def sample(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Draws of the distribution itself, at time 0 without noise."""
        component = torch.multinomial(self.weights, math.prod(shape), True, generator=generator).reshape(tuple(shape))
        return torch.randn(tuple(shape), generator=generator) * self.deviations[component] + self.means[component]

    def wasserstein(self, samples: Tensor) -> float:
        """W₁ between the values of samples and the mixture: the mean distance of their quantiles."""
        values = samples.flatten().double().sort().values
        grid = torch.linspace(float(values[0]) - 1, float(values[-1]) + 1, 20_001, dtype=torch.float64)
        normal = torch.distributions.Normal(self.means, self.deviations)
        expected = (self.weights * normal.cdf(grid[:, None])).sum(1)
        found = torch.searchsorted(values, grid, right=True) / len(values)
        return float((expected - found).abs().sum() * (grid[1] - grid[0]))

    def _at(self, sde: SDE, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means and variances at every time, to be broadcast with x[..., None]."""
        alpha, sigma = (over(values.double(), x[..., None].double()) for values in (sde.alpha(t), sde.sigma(t)))
        means, deviations = self.means.to(x.device), self.deviations.to(x.device)
        return alpha * means, (alpha * deviations) ** 2 + sigma**2

    def _logits(self, x: Tensor, means: Tensor, variances: Tensor) -> Tensor:
        weights = self.weights.to(x.device).log() - 0.5 * (2 * math.pi * variances).log()
        return weights - 0.5 * (x[..., None].double() - means) ** 2 / variances
