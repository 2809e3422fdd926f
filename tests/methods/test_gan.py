"""GANs: the losses and the order of their steps, training from samples to a known distribution, calibration, frozen networks."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.methods.adversarial import hinge, standard, wasserstein
from darkroom.methods.calibration import logistic_calibration
from darkroom.methods.gan import GAN, Calibration
from darkroom.networks import dcgan, sngan
from darkroom.processes.noise import generators

SHAPE = (1, 8, 8)


def tiny(family=sngan, loss=standard, **options) -> GAN:
    networks = family.Generator(1, 8, width=4, latent=3), family.Discriminator(1, 8, width=4)
    made, judge = (network.initialise(generator(0, name)) for name, network in zip("gd", networks, strict=True))
    return GAN(made, judge, loss, SHAPE, **options)


def images(count: int) -> Example:
    x = torch.rand(count, *SHAPE, generator=generator("images"))
    return Example(x, x)


class Pictures(Dataset):
    """Random images."""

    name = "pictures"

    def __init__(self, count: int) -> None:
        self.all = images(count).target

    @property
    def names(self):
        return [str(number) for number in range(len(self.all))]

    def __len__(self):
        return len(self.all)

    def example(self, index):
        return Example(self.all[index], self.all[index])

    def digests(self):
        return {}


@pytest.mark.parametrize("loss", [standard, hinge, wasserstein], ids=["standard", "hinge", "wasserstein"])
def test_losses_are_those_of_the_paper(loss):
    """With a discriminator that is the mean of an image: against the formulas, on the latents that the method draws."""

    class Mean(nn.Module):
        def forward(self, x):
            return 4 * x.flatten(1).mean(1)

    method = tiny(loss=loss, latent_batches=2)
    method.discriminator = Mean()
    method.generator.eval()
    torch.manual_seed(5)
    z, again = torch.randn(6, 3), torch.randn(12, 3)
    real, fake, second = (method.discriminator(x) for x in (images(6).target, method.generator(z), method.generator(again)))
    torch.manual_seed(5)
    found = [value.item() for _, value in method.losses(images(6), 0)]
    expected = {
        standard: (-real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean(), -second.sigmoid().log().mean()),
        hinge: ((1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean(), -second.mean()),
        wasserstein: (fake.mean() - real.mean(), -second.mean()),
    }[loss]
    assert found == pytest.approx([value.item() for value in expected], rel=1e-5)


def test_the_discriminator_takes_its_steps_first_and_the_generator_gets_no_gradient_from_them():
    method = tiny(loss=wasserstein, discriminator_steps=3, penalty=10.0)
    names = []
    for name, loss in method.losses([images(4)] * 3, 0):
        names.append(name)
        if name == "discriminator":
            gradients = torch.autograd.grad(loss, list(method.generator.parameters()), allow_unused=True)
            assert all(gradient is None for gradient in gradients)
    assert names == ["discriminator"] * 3 + ["generator"] and method.batches_per_step == 3


def test_a_generator_learns_a_distribution():
    """One pixel of N(0.7, 0.1²), by a linear generator and a quadratic discriminator."""

    class Linear(nn.Module):
        latent = 1

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, z):
            return self.layer(z)[:, :, None, None]

    class Quadratic(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, x):
            x = 10 * (x.flatten(1) - 0.5)
            return self.layer(torch.cat([x, x.square()], 1))[:, 0]

    torch.manual_seed(0)
    method = GAN(Linear(), Quadratic(), standard, (1, 1, 1))
    optimizers = {name: torch.optim.Adam(network.parameters(), 0.04, (0.5, 0.9)) for name, network in method.networks().items()}
    for step in range(300):
        real = 0.7 + 0.1 * torch.randn(256, 1, 1, 1)
        for name, loss in method.losses(Example(real, real), step):
            parameters = list(method.networks()[name].parameters())
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.grad = gradient
            optimizers[name].step()
    layer = method.generator.layer
    assert layer.bias.item() == pytest.approx(0.7, abs=0.05) and abs(layer.weight.item()) == pytest.approx(0.1, abs=0.05)


def test_calibration_is_logistic_regression():
    random = np.random.default_rng(0)
    real, fake = random.normal(0.4, 1.0, 3000), random.normal(-1.0, 1.0, 1000)
    slope, offset = logistic_calibration(*(torch.tensor(values) for values in (real, fake)))
    assert (slope, offset) == pytest.approx((1.4, 0.42), abs=0.2)  # (μ₁ − μ₂)/σ², (μ₂² − μ₁²)/2σ²
    regression = LogisticRegression(C=np.inf, class_weight="balanced", tol=1e-10)
    regression.fit(np.concatenate([real, fake])[:, None], np.arange(4000) < 3000)
    assert (slope, offset) == pytest.approx((regression.coef_.item(), regression.intercept_.item()), abs=0.01)
    apart = logistic_calibration(torch.linspace(2, 3, 50), torch.linspace(-3, -2, 50))
    assert 1 < apart[0] < 5  # finite where the logits separate the sets
    assert logistic_calibration(torch.zeros(9), torch.zeros(9))[0] == pytest.approx(0, abs=1e-6)


def test_the_slope_is_found_after_its_steps_and_scales_the_energy():
    method = tiny(loss=hinge, calibration=Calibration(Pictures(40), {2, 5}, count=30))
    before = {name: value.clone() for name, value in method.state_dict().items()}
    method.train()
    method.after_step(0)
    assert method.slope == 1
    method.after_step(1)
    after = method.state_dict()
    assert [name for name, value in before.items() if not torch.equal(after[name], value)] == ["slope"]
    assert method.training and method.generator.norm.training and method.watched()["slope"] is method.slope
    method.slope.fill_(3.0)
    z = torch.Generator().manual_seed(9)
    (energies,) = method.draw(4, z, sampler="ddls", steps=1).chains.energies
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(9))
    method.eval()
    expected = 0.5 * z.square().sum(1) - 3 * method.discriminator(method.generator(z))
    torch.testing.assert_close(energies, expected.detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", [sngan, dcgan], ids=["sngan", "dcgan"])
def test_samples_come_from_seeds_in_any_batch(family):
    method = tiny(family)
    with torch.no_grad():
        for _ in range(3):
            method.discriminator(images(8).target)  # statistics of batch normalisation
    method.train()
    for sampler, steps in (("generator", 0), ("ddls:0.1:0.5", 4)):
        whole = method.draw(5, generators(torch.Generator().manual_seed(1), 5), sampler=sampler, steps=steps).images
        part = method.draw(2, generators(torch.Generator().manual_seed(1), 2), sampler=sampler, steps=steps).images
        torch.testing.assert_close(whole[:2], part, rtol=1e-4, atol=1e-5)
        with torch.inference_mode():
            again = method.sample(5, torch.Generator().manual_seed(1), sampler=sampler, steps=steps)
        torch.testing.assert_close(again, whole)
    assert all(module.training for module in method.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in method.parameters())
    seeds = torch.tensor([3, 7])
    assert torch.equal(method.predict(Example(seeds, seeds)), method.predict(Example(seeds, seeds)))
    assert not torch.equal(*method.predict(Example(seeds, seeds)))


def test_mistakes():
    method = tiny()
    random = torch.Generator()
    for sampler, steps, words in [
        ("best", 0, "no sampler 'best' for these weights; there are generator, ddls"),
        ("", 9, "the generator alone takes no steps, given 9: name the sampler ddls"),
        ("generator:1", 0, "the generator alone has no settings"),
        ("ddls:-1", 3, "'ddls:-1' is no sampler"),
    ]:
        with pytest.raises(DarkroomError, match=words):
            method.sample(2, random, sampler=sampler, steps=steps)
    assert method.describe("ddls:0.5") == "Langevin dynamics of the latents (step size 0.5, noise level 1)"
    assert method.describe() == "the generator alone"
