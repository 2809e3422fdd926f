import pytest
import torch
from torch import nn

from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.methods.posterior import between, posterior_samples, spherical
from darkroom.methods.preconditioning import EDM, DividedBySigma, NoisePrediction, Preconditioning, likelihood_weight
from darkroom.methods.score import SamplingDefaults, ScoreMatching
from darkroom.operators.partial_isometry import BlockMeans
from darkroom.processes.mixture import Mixture
from darkroom.processes.noise import generators
from darkroom.processes.sde import DDPM, SDE, SMLD, VE, VP, SubVP

SHAPE = (1, 4, 4)
MIXTURE = Mixture([0.4, 0.6], [-0.6, 0.3], [0.1, 0.2])
"""In the units of the process; for images in [0, 1] see `in_images`."""

KINDS: list[tuple[SDE, Preconditioning]] = [
    (VE(), DividedBySigma()),
    (SMLD(100), DividedBySigma("positional")),
    (VP(), NoisePrediction()),
    (SubVP(), NoisePrediction("fourier")),
    (DDPM(100), NoisePrediction()),
    (VE(0.002, 80.0), EDM()),
]


class Recorded(nn.Module):
    """Returns a constant map, and keeps what it is given."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))
        self.x = self.condition = torch.zeros(0)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        self.x, self.condition = x, condition
        return self.value.expand(x.shape)


class Perfect(Preconditioning):
    """The score of the mixture, whatever the network."""

    centred, embedding = True, "positional"

    def score(self, network: nn.Module, sde: SDE, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return MIXTURE.score(sde)(x, t)


def test_inputs_and_conditions_are_those_of_the_papers():
    x, t = torch.full((2, *SHAPE), 0.25), torch.tensor([0.0, 1.0])
    for (sde, preconditioning), condition, scaled in zip(
        KINDS,
        ([0.01, 50.0], [99.0, 0.0], [0.0, 999.0], None, [0.0, 99.0], [0.25 * -6.2146, 0.25 * 4.382]),
        (-0.5, -0.5, 0.25, 0.25, 0.25, None),
        strict=True,
    ):
        network = Recorded(1.0)
        ScoreMatching(network, sde, preconditioning, SHAPE).score(x, t + 1e-4 * (t == 0) * isinstance(sde, VP))
        if condition is not None:
            logs = isinstance(preconditioning, DividedBySigma) and preconditioning.embedding == "fourier"
            found = network.condition.exp() if logs else network.condition
            assert found.tolist() == pytest.approx(condition, abs=0.2)
        if scaled is not None:
            assert torch.allclose(network.x, torch.tensor(scaled))
    network = Recorded()
    ScoreMatching(network, VE(0.002, 80.0), EDM(), SHAPE).score(x, t)
    assert torch.allclose(network.x[1], x[1] / (80**2 + 0.25) ** 0.5)


@pytest.mark.parametrize(("sde", "preconditioning"), KINDS, ids=str)
def test_a_network_of_zeros_has_the_loss_of_its_weights(sde: SDE, preconditioning: Preconditioning):
    """Then σ s + z is z, except for EDM, where the denoised image is that of a Gaussian of deviation 0.5."""
    images = torch.rand(3000, *SHAPE)
    torch.manual_seed(0)
    method = ScoreMatching(Recorded(), sde, preconditioning, SHAPE, reduction="mean")
    ((name, loss),) = method.losses(Example(images, images), 0)
    if isinstance(preconditioning, EDM):
        # x̂₀ − x₀ = (σ d² z − σ² x₀) / (σ² + d²); times √weight / σ the square has the mean (d² + σ² E x₀² / d²) / (σ² + d²).
        sigma = (-1.2 + 1.2 * torch.randn(100_000)).exp()
        expected = ((0.25 + sigma**2 * float((2 * images - 1).square().mean()) / 0.25) / (sigma**2 + 0.25)).mean()
    else:
        expected = torch.ones(())
    assert name == "network" and float(loss.detach()) == pytest.approx(float(expected), rel=0.05)
    torch.manual_seed(0)
    halved = ScoreMatching(Recorded(), sde, preconditioning, SHAPE, reduction="half sum")
    assert float(next(halved.losses(Example(images, images), 0))[1].detach()) == pytest.approx(
        8 * float(loss.detach()), rel=1e-4
    )


@pytest.mark.parametrize(("sde", "preconditioning"), KINDS, ids=str)
def test_times_of_training(sde: SDE, preconditioning: Preconditioning):
    torch.manual_seed(0)
    times = preconditioning.times(sde, 20_000, torch.device("cpu"))
    if isinstance(preconditioning, EDM):
        logs = sde.sigma(times).log()
        assert float(logs.mean()) == pytest.approx(-1.2, abs=0.05) and float(logs.std()) == pytest.approx(1.2, abs=0.05)
    elif sde.levels:
        assert set((times * 99).round().int().tolist()) == set(range(100))
        assert torch.allclose((times * 99).round(), times * 99, atol=1e-4)
    else:
        assert float(times.min()) >= 1e-5 and float(times.max()) <= 1 and float(times.mean()) == pytest.approx(0.5, abs=0.01)


def test_likelihood_weighting():
    sde, images = VP(), torch.rand(2000, *SHAPE)
    torch.manual_seed(0)
    method = ScoreMatching(Recorded(), sde, NoisePrediction(), SHAPE, weighting="likelihood")
    loss = float(next(method.losses(Example(images, images), 0))[1])
    torch.manual_seed(0)
    weights = likelihood_weight(sde, NoisePrediction().times(sde, 2000, torch.device("cpu")))
    assert loss == pytest.approx(float(weights.mean()), rel=0.2)
    assert torch.allclose(
        likelihood_weight(sde, torch.tensor([0.5])), sde.beta(torch.tensor([0.5])) / sde.sigma(torch.tensor([0.5])) ** 2
    )


def in_images(x: torch.Tensor) -> torch.Tensor:
    return (x + 1) / 2


def test_samples_are_images_that_do_not_depend_on_the_batch():
    method = ScoreMatching(Recorded(), VP(), Perfect(), SHAPE, sampling=SamplingDefaults("ddim", 40))
    whole = method.sample(6, torch.Generator().manual_seed(0))
    random = torch.Generator().manual_seed(0)
    assert torch.allclose(torch.cat([method.sample(count, random) for count in (1, 3, 2)]), whole, atol=1e-5)
    assert float(whole.min()) >= 0 and float(whole.max()) <= 1
    many = method.sample(300, torch.Generator().manual_seed(1), sampler="heun", steps=18)
    assert float(many.mean()) == pytest.approx((MIXTURE.mean + 1) / 2, abs=0.02)
    assert method.samplers[0] == "ddim" and len(method.samplers) == len(set(method.samplers))
    with pytest.raises(DarkroomError, match="no sampler 'nothing' for these weights; there are ddim, "):
        method.sample(1, random, sampler="nothing")


def test_denoising_is_the_conditional_mean():
    method = ScoreMatching(Recorded(), VP(), Perfect(), SHAPE)
    clean = in_images(MIXTURE.sample((400, *SHAPE), torch.Generator().manual_seed(0)).float())
    level = 0.15
    noisy = clean + level * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    found = method.predict(Example(noisy, clean, (torch.full((400,), level),)))
    error = float((found - clean).square().mean())
    assert error < 0.65 * level**2
    for factor in (0.95, 1.05):  # no other estimate is better
        assert error < float((0.5 + factor * (found - 0.5) - clean).square().mean())


def test_bits_per_dimension_of_the_mixture():
    method = ScoreMatching(Recorded(), VP(), Perfect(), SHAPE)
    x = MIXTURE.sample((40, *SHAPE), torch.Generator().manual_seed(0)).float().clamp(-1, 1)
    images = (255 * in_images(x)).round() / 255
    bits = method.bits_per_dimension(images, generators(torch.Generator().manual_seed(0), 40))
    expected = 7 - MIXTURE.log_density(x.double(), VP(), torch.full((40,), 1e-3)) / (16 * torch.log(torch.tensor(2.0)))
    assert float(bits.mean()) == pytest.approx(float(expected.mean()), abs=0.03)
    again = method.bits_per_dimension(images[:2], generators(torch.Generator().manual_seed(0), 2))
    assert torch.allclose(again, bits[:2], atol=1e-4)


def test_levels_are_not_left_silently():
    for sde in (DDPM(100), SMLD(100)):
        method = ScoreMatching(Recorded(), sde, NoisePrediction(), SHAPE)
        for sampler, steps in (("ancestral", 100), ("reverse_diffusion_pc", 34), ("ddim", 12)):
            method.sample(1, torch.Generator().manual_seed(0), sampler=sampler, steps=steps)
        for sampler, steps in (("ancestral", 200), ("ddim", 50), ("heun", 34), ("rk45", 2)):
            with pytest.raises(
                DarkroomError, match="between the 100 noise levels that it was trained at: choose --interpolation"
            ):
                method.sample(1, torch.Generator().manual_seed(0), sampler=sampler, steps=steps)
    for interpolation, expected in (("linear", 49.5), ("rounding", 50.0)):
        network = Recorded()
        method = ScoreMatching(network, DDPM(100), NoisePrediction(), SHAPE, interpolation=interpolation)
        method.score(torch.zeros(1, *SHAPE), torch.tensor([0.5]))
        assert float(network.condition) == pytest.approx(expected)
        method.sample(1, torch.Generator().manual_seed(0), sampler="heun", steps=5)


@pytest.mark.parametrize("guidance", ["projection", "dps"])
def test_samples_agree_with_a_small_image(guidance: str):
    method = ScoreMatching(Recorded(), VP(), Perfect(), SHAPE)
    low = torch.tensor([[[0.2, 0.65], [0.65, 0.2]]])
    operator = BlockMeans(2, 4, 4)
    with torch.inference_mode():
        samples = posterior_samples(
            method, operator, low, 8, generators(torch.Generator().manual_seed(0), 8), guidance=guidance
        )
    difference = (operator(samples) - low).abs().mean()
    assert float(difference) < (1e-4 if guidance == "projection" else 0.04)
    with pytest.raises(DarkroomError, match=r"DDIM .* cannot keep to a measurement"):
        posterior_samples(method, operator, low, 1, torch.Generator().manual_seed(0), sampler="ddim")


def test_interpolation_begins_and_ends_at_samples():
    method = ScoreMatching(Recorded(), VP(), Perfect(), SHAPE)
    path = between(method, generators(torch.Generator().manual_seed(0), 3), 4)
    ends = method.sample(3, torch.Generator().manual_seed(0), sampler="heun", steps=18)
    assert path.shape == (9, *SHAPE) and torch.allclose(path[::4], ends, atol=1e-5)
    steps = (path[1:] - path[:-1]).flatten(1).norm(dim=1)
    assert float(steps.max()) < float((ends[0] - ends[1]).norm())
    x = torch.randn(100)
    assert torch.allclose(spherical(x, x, 0.3), x)
