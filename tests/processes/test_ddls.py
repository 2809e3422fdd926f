"""DDLS on energies with a known distribution: a linear generator, and a discriminator that is the ratio of two Gaussians."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from darkroom.core.errors import DarkroomError
from darkroom.processes.noise import Noise, generators
from darkroom.processes.samplers.ddls import DDLS, LatentEnergy, ddls

A = torch.tensor([[1.0, 0.5], [-0.3, 0.8], [0.2, 0.1]])
A_SQUARE = A[:2]
MEAN, COVARIANCE = torch.tensor([0.6, -0.4]), torch.tensor([[0.5, 0.2], [0.2, 0.4]])


def ratio(x: torch.Tensor) -> torch.Tensor:
    """log p_data(x) − log p_G(x): what the optimal discriminator of the standard loss is."""
    generated = MultivariateNormal(torch.zeros(2), A_SQUARE @ A_SQUARE.T)
    return MultivariateNormal(MEAN, COVARIANCE).log_prob(x) - generated.log_prob(x)


def drawn(count: int, latent: int = 2, seed: int = 0) -> tuple[torch.Tensor, Noise]:
    noise = Noise(torch.Generator().manual_seed(seed), (count, latent))
    return noise(), noise


def test_generated_images_reach_the_distribution_of_the_data():
    z, noise = drawn(4000)
    energy = LatentEnergy(lambda z: z @ A_SQUARE.T, ratio)
    x = DDLS(0.05)(energy, z, noise, 300).latents @ A_SQUARE.T
    torch.testing.assert_close(x.mean(0), MEAN, atol=0.05, rtol=0)
    torch.testing.assert_close(x.T.cov(), COVARIANCE, atol=0.06, rtol=0)
    before = z @ A_SQUARE.T
    assert (before.mean(0) - MEAN).abs().max() > 0.3 and (before.T.cov() - COVARIANCE).abs().max() > 0.2


@pytest.mark.parametrize("noise_level", [1.0, 0.5, 0.0])
def test_mean_and_variance_after_any_number_of_steps(noise_level: float):
    """For E = (z − m)² / 2s² a chain is autoregressive: z ← m + r (z − m) + λ√ε n with r = 1 − ε/2s²."""
    m, s, step_size, steps = 1.5, 0.6, 0.1, 12
    z, noise = drawn(30_000, 1)
    found = DDLS(step_size, noise_level)(lambda z: 0.5 * ((z - m) / s).square().sum(1), z, noise, steps)
    r = 1 - step_size / (2 * s**2)
    variance = r ** (2 * steps) + noise_level**2 * step_size * (1 - r ** (2 * steps)) / (1 - r**2)
    assert found.latents.mean().item() == pytest.approx(m - m * r**steps, abs=0.012)
    assert found.latents.var().item() == pytest.approx(variance, rel=0.03, abs=1e-4)


def test_gradients_are_each_chains_own():
    """A step without noise, against the closed form and against finite differences of a generator that is not linear."""
    z, noise = drawn(5)
    linear = LatentEnergy(lambda z: z @ A.T, lambda x: x @ torch.tensor([1.0, 2.0, 3.0]), slope=0.7)
    moved = DDLS(0.2, noise=0.0)(linear, z, noise, 1)
    torch.testing.assert_close(moved.latents, z - 0.1 * (z - 0.7 * torch.tensor([1.0, 2.0, 3.0]) @ A))
    bent = LatentEnergy(lambda z: (z @ A.double().T).tanh(), lambda x: x.pow(3).sum(1))
    z = z.double()
    step = (DDLS(2.0, noise=0.0)(bent, z, noise, 1).latents - z) * -1
    h = 1e-6
    for axis in range(2):
        shift = h * torch.eye(2, dtype=torch.float64)[axis]
        torch.testing.assert_close(step[:, axis], (bent(z + shift) - bent(z - shift)) / (2 * h), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(moved.energies, linear(drawn(5)[0])[None])


def test_a_chain_depends_on_its_generator_alone():
    energy = LatentEnergy(lambda z: z @ A_SQUARE.T, ratio)

    def run(count: int):
        noise = Noise(generators(torch.Generator().manual_seed(3), count), (count, 2))
        return DDLS(0.1)(energy, noise(), noise, 40)

    many, few = run(7), run(2)
    torch.testing.assert_close(many.latents[:2], few.latents)
    torch.testing.assert_close(many.energies[:, :2], few.energies)
    assert many.energies.shape == (40, 7) and many.evaluations == 40


def test_evaluations_are_counted_truly_and_weights_have_no_gradient():
    calls, seen = [], []
    layer = torch.nn.Linear(2, 1).requires_grad_(False)
    z, noise = drawn(3)

    def energy(z: torch.Tensor) -> torch.Tensor:
        calls.append(len(z))
        return layer(z)[:, 0]

    with torch.inference_mode():  # as evaluations call it
        found = DDLS()(energy, z, noise, 6, progress=lambda *done: seen.append(done))
        assert len(calls) == found.evaluations == 6 and seen[-1] == (6, 6) and layer.weight.grad is None
        assert DDLS()(energy, z, noise, 0).energies.shape == (0, 3)


def test_mistakes():
    z, noise = drawn(2)
    with pytest.raises(DarkroomError, match="step size 9, noise level 1.*not finite: take smaller steps"):
        DDLS(9.0)(lambda z: z.pow(4).sum(1), z, noise, 20)
    assert ddls("ddls:0.5:0", DDLS()) == DDLS(0.5, 0.0) and ddls("ddls", DDLS(2.0, 3.0)) == DDLS(2.0, 3.0)
    for words in ("ddls:0", "ddls:x", "ddls:1:-1", "ddls:1:1:1", "ddls:inf", "ddls:nan"):
        with pytest.raises(DarkroomError, match=f"'{words}' is no sampler: it must be ddls, ddls:STEP_SIZE"):
            ddls(words, DDLS())
