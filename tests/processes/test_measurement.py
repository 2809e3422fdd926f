"""Samples given a measurement, on Gaussians whose posterior is known."""

import pytest
import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.operators.blur import Blur
from darkroom.operators.linear import LinearOperator
from darkroom.operators.partial_isometry import BlockMeans, Masking
from darkroom.processes.measurement import Measurement, Projection
from darkroom.processes.samplers.correctors import AnnealedLangevin
from darkroom.processes.samplers.posterior import PosteriorSampling
from darkroom.processes.samplers.predictor_corrector import PredictorCorrector
from darkroom.processes.samplers.predictors import ReverseDiffusion
from darkroom.processes.sde import SDE, VE, VP

SIDE = 4
POSITIONS = torch.cartesian_prod(torch.arange(SIDE), torch.arange(SIDE)).double()
COVARIANCE = 0.25 * torch.exp(-(torch.cdist(POSITIONS, POSITIONS) ** 2) / 4) + 0.01 * torch.eye(SIDE**2, dtype=torch.float64)
"""Of images of 4 × 4 pixels that are smooth, with mean 0.2."""
MEAN = 0.2


def score_of(sde: SDE):
    values, vectors = torch.linalg.eigh(COVARIANCE)

    def score(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = sde.alpha(t.double())[:, None], sde.sigma(t.double())[:, None]
        rotated = (x.flatten(1).double() - alpha * MEAN) @ vectors
        return -(rotated / (alpha**2 * values + sigma**2) @ vectors.T).reshape(x.shape).to(x)

    return score


def posterior(operator: LinearOperator, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Mean and standard deviations of x given y = H x + n."""
    identity = torch.eye(SIDE**2, dtype=torch.float64).reshape(-1, 1, SIDE, SIDE)
    h = operator(identity.float()).flatten(1).double().T
    keep = h.abs().sum(1) > 0
    h, y = h[keep], y.flatten().double()[keep]
    gain = (
        COVARIANCE @ h.T @ torch.linalg.inv(h @ COVARIANCE @ h.T + (sigma**2 + 1e-8) * torch.eye(len(h), dtype=torch.float64))
    )
    mean = MEAN + gain @ (y - h @ torch.full((SIDE**2,), MEAN, dtype=torch.float64))
    return mean, torch.diag(COVARIANCE - gain @ h @ COVARIANCE).clamp(min=0).sqrt()


KNOWN = torch.ones(SIDE, SIDE, dtype=torch.bool)
KNOWN[1:3, 1:3] = False
MASKS, MEANS, IDENTITY = Masking(KNOWN), BlockMeans(2, SIDE, SIDE), Masking(torch.ones(SIDE, SIDE, dtype=torch.bool))


@pytest.mark.parametrize("sde", [VE(0.01, 5.0), VP()], ids=str)
@pytest.mark.parametrize(("operator", "sigma"), [(MASKS, 0.0), (MEANS, 0.0), (IDENTITY, 0.3)])
def test_projections_sample_the_posterior(sde: SDE, operator: LinearOperator, sigma: float):
    truth = torch.linspace(-0.4, 0.9, SIDE**2).reshape(1, 1, SIDE, SIDE)
    noise = sigma * torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    y = operator(truth + noise)
    mean, deviation = posterior(operator, y, sigma)
    projection = Projection(Measurement(operator, y, sigma))
    sampler = PredictorCorrector(ReverseDiffusion(), AnnealedLangevin(0.3), corrections=3, constraint=projection)
    samples = sampler(score_of(sde), sde, (250, 1, SIDE, SIDE), torch.Generator().manual_seed(0), 60).samples.flatten(1)
    assert float((samples.mean(0) - mean).abs().max()) < 0.2
    assert float((samples.std(0) - deviation).abs().max()) < 0.15
    if not sigma:
        assert torch.allclose(operator(samples.reshape(-1, 1, SIDE, SIDE)), y.expand(250, -1, -1, -1), atol=1e-4)


@pytest.mark.parametrize("sde", [VE(0.01, 5.0), VP()], ids=str)
@pytest.mark.parametrize("operator", [MASKS, MEANS, Blur(torch.ones(3, 3), SIDE, SIDE, "circular")])
def test_posterior_sampling_explains_the_measurement(sde: SDE, operator: LinearOperator):
    y = operator(torch.linspace(-0.4, 0.9, SIDE**2).reshape(1, 1, SIDE, SIDE))
    score = score_of(sde)
    with torch.inference_mode():
        sampler = PosteriorSampling(Measurement(operator, y), strength=0.3)
        sampled = sampler(score, sde, (50, 1, SIDE, SIDE), torch.Generator().manual_seed(0), 100)
    assert sampled.evaluations == 100
    mean, _ = posterior(operator, y, 0.0)
    assert float((operator(sampled.samples) - y).abs().mean()) < 0.05
    assert float((sampled.samples.flatten(1).mean(0) - mean).abs().max()) < 0.2


def test_blur_is_projected_by_its_regularised_inverse():
    blur = Blur(torch.ones(3, 3), SIDE, SIDE, "circular")
    y = blur(torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0)))
    projection, x = Projection(Measurement(blur, y)), torch.zeros(1, 1, SIDE, SIDE)
    assert float((blur(projection.finish(x)) - y).norm()) < 0.1 * float(y.norm())
    with pytest.raises(DarkroomError, match="Blur has no pseudo-inverse in closed form"):
        Projection(Measurement(Blur(torch.ones(3, 3), SIDE, SIDE, "reflect"), y)).finish(x)
