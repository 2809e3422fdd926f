import math

import pytest
import torch

from darkroom.processes.likelihood import bits_per_dimension, log_likelihood
from darkroom.processes.mixture import Mixture
from darkroom.processes.noise import generators
from darkroom.processes.sde import SDE, VE, VP, SubVP


@pytest.mark.parametrize("sde", [VE(), VP(), SubVP()], ids=str)
def test_the_density_of_a_mixture_is_found(sde: SDE):
    """Values are independent, so the Jacobian is diagonal and the estimate of its trace is exact."""
    mixture = Mixture([0.3, 0.7], [-0.5, 0.5], [0.2, 0.1])
    x = mixture.sample((5, 3, 4), torch.Generator().manual_seed(0)).float()
    found = log_likelihood(mixture.score(sde), sde, x, torch.Generator().manual_seed(0))
    exact = mixture.log_density(x, sde, torch.full((5,), sde.epsilon))
    # The prior is not exactly the distribution in which the process ends: its mean is 0.
    assert torch.allclose(found, exact, atol=0.02 if isinstance(sde, VE) else 0.01)


def test_hutchinsons_estimate_is_right_on_average_and_each_element_has_its_own():
    covariance = torch.tensor([[0.5, 0.3, 0.0], [0.3, 0.4, 0.1], [0.0, 0.1, 0.3]], dtype=torch.float64)
    sde, x = VP(), torch.tensor([[0.4, -0.3, 0.2]])

    def score(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        alpha, sigma = sde.alpha(t.double())[:, None, None], sde.sigma(t.double())[:, None, None]
        inverse = torch.linalg.inv(alpha**2 * covariance + sigma**2 * torch.eye(3, dtype=torch.float64))
        return -(inverse @ x.double()[..., None])[..., 0].to(x)

    many = log_likelihood(score, sde, x.expand(400, -1).contiguous(), generators(torch.Generator().manual_seed(0), 400))
    noisy = covariance * sde.alpha(torch.tensor(1e-3)) ** 2 + torch.eye(3) * sde.sigma(torch.tensor(1e-3)) ** 2
    exact = torch.distributions.MultivariateNormal(torch.zeros(3, dtype=torch.float64), noisy.double()).log_prob(x.double())
    assert float(many.std()) > 0.01
    assert float(many.mean()) == pytest.approx(float(exact), abs=4 * float(many.std()) / 20 + 1e-3)
    few = log_likelihood(score, sde, x.expand(2, -1).contiguous(), generators(torch.Generator().manual_seed(0), 2))
    assert torch.allclose(few, many[:2], atol=1e-5)


def test_bits_per_dimension():
    shape = torch.Size([3, 8, 8])
    uniform = torch.zeros(1)  # log density of the uniform distribution on [0, 1]
    assert float(bits_per_dimension(uniform, shape, centred=False)) == 8
    halves = torch.full((1,), shape.numel() * math.log(2.0))  # on [0, 1/2]
    assert float(bits_per_dimension(halves, shape, centred=False)) == pytest.approx(7)
