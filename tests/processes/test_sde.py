import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from darkroom.core.errors import DarkroomError
from darkroom.processes.sde import DDPM, SDE, SMLD, VE, VP, SubVP

PROCESSES = [VE(), VE(0.002, 80.0), VP(), SubVP(), SMLD(1000), DDPM(1000)]
CONTINUOUS = [VE(), VP(), SubVP()]


def at(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("sde", CONTINUOUS, ids=str)
@pytest.mark.parametrize("t", [0.1, 0.5, 1.0])
def test_marginals_solve_the_equation_of_the_process(sde: SDE, t: float):
    """d log α / dt = f, and d(σ²/α²)/dt = g² / α²: both integrated numerically."""
    log_alpha, _ = quad(lambda s: float(sde.drift(at(s))), 0, t)
    assert float(sde.alpha(at(t))) == pytest.approx(math.exp(log_alpha), rel=1e-9)
    added, _ = quad(lambda s: float((sde.diffusion(at(s)) / sde.alpha(at(s))) ** 2), 0, t)
    assert float(sde.ratio(at(t)) ** 2 - sde.ratio(at(0.0)) ** 2) == pytest.approx(added, rel=1e-6)


def test_noise_levels_are_those_of_the_papers():
    betas = np.linspace(0.1 / 1000, 20 / 1000, 1000)  # Ho et al. 2020: from 1e-4 to 0.02
    times = torch.linspace(0, 1, 1000, dtype=torch.float64)
    assert np.allclose(DDPM(1000).alpha(times) ** 2, np.cumprod(1 - betas), rtol=1e-9)
    assert np.allclose(SMLD(1000).sigma(times), np.geomspace(0.01, 50, 1000), rtol=1e-9)
    a, b = DDPM(1000).transition(times[:-1], times[1:])
    assert np.allclose(a, np.sqrt(1 - betas[1:]), rtol=1e-9) and np.allclose(b, np.sqrt(betas[1:]), rtol=1e-6)
    ve = VE().transition(times[:-1], times[1:])
    assert np.allclose(ve[1] ** 2, np.diff(np.geomspace(0.01, 50, 1000) ** 2), rtol=1e-6)


@pytest.mark.parametrize("sde", PROCESSES, ids=str)
@given(earlier=st.floats(0.01, 0.98), between=st.floats(0.1, 0.9))
def test_two_transitions_are_one(sde: SDE, earlier: float, between: float):
    times = [at(earlier), at(earlier + between * (1 - earlier)), at(1.0)]
    (a1, b1), (a2, b2), (a, b) = (sde.transition(times[i], times[j]) for i, j in ((0, 1), (1, 2), (0, 2)))
    assert float(a1 * a2) == pytest.approx(float(a), rel=1e-9)
    assert float((a2 * b1) ** 2 + b2**2) == pytest.approx(float(b**2), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("sde", PROCESSES, ids=str)
@given(t=st.floats(0.002, 1.0))
def test_time_is_the_inverse_of_the_ratio(sde: SDE, t: float):
    assert float(sde.time(sde.ratio(at(t)))) == pytest.approx(t, abs=1e-6)


@pytest.mark.parametrize("sde", PROCESSES, ids=str)
def test_denoising_undoes_the_noise(sde: SDE):
    random = torch.Generator().manual_seed(0)
    x0, z, t = torch.rand(5, 3, 4, 4, generator=random), torch.randn(5, 3, 4, 4, generator=random), torch.linspace(0.1, 0.6, 5)
    alpha, sigma = (values.view(-1, 1, 1, 1) for values in (sde.alpha(t), sde.sigma(t)))
    assert torch.allclose(sde.denoise(alpha * x0 + sigma * z, t, -z / sigma), x0, atol=1e-4)


def test_the_prior_is_a_density():
    expected = torch.distributions.Normal(0, 50.0).log_prob(torch.tensor([[3.0, -70.0]])).sum(1)
    assert torch.allclose(VE().log_prior(torch.tensor([[3.0, -70.0]])).float(), expected)


def test_impossible_processes_are_refused():
    for call, words in [
        (lambda: VE(0.0, 50.0), "grow from above 0, given 0 to 50"),
        (lambda: VP(20.0, 0.1), "given 20 to 0.1"),
        (lambda: SMLD(1), "at least 2 noise levels, given 1"),
        (lambda: DDPM(15), "15 levels are too few for rates up to 20"),
    ]:
        with pytest.raises(DarkroomError, match=words):
            call()
