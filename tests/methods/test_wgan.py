"""WGAN-GP against closed forms: the penalty of a linear critic, the critic's optimum, the batches of a step."""

import pytest
import torch
from torch import nn

from darkroom.core.method import Example
from darkroom.methods.adversarial import feature_matching, gradient_penalty, hinge, least_squares, standard, wasserstein
from darkroom.methods.wgan import WGAN


def test_the_penalty_of_a_linear_critic_is_its_own_norm():
    weight = torch.randn(3 * 4 * 4, dtype=torch.float64)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(48, 1, dtype=torch.float64))
    critic[1].weight.data = weight[None]
    real, fake = torch.rand(2, 5, 3, 4, 4).double().unbind()
    found = gradient_penalty(lambda x: critic(x.double()), real, fake)
    assert found.item() == pytest.approx((weight.norm().item() - 1) ** 2, rel=1e-5)
    found.backward()
    expected = 2 * (weight.norm() - 1) * weight / weight.norm()
    torch.testing.assert_close(critic[1].weight.grad[0], expected, rtol=1e-5, atol=1e-6)


def test_the_norm_is_each_samples_own():
    """A critic that is steep on one sample and flat on the other has the mean of both penalties."""

    def critic(x):
        return (x.flatten(1).sum(1) * torch.tensor([2.0, 0.0]))[:, None]

    x = torch.rand(2, 1, 2, 2)
    assert gradient_penalty(critic, x, x).item() == pytest.approx(((4 - 1) ** 2 + 1) / 2)


def test_every_critics_step_has_a_batch_of_its_own_and_the_generator_the_last():
    seen: list[float] = []

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.tensor(1.0))

        def forward(self, x):
            seen.append(x.mean().item())
            return self.gain * x

    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    method = WGAN(Generator(), critic, lambda x, y: (x - y).abs().mean(), critic_steps=3, content_weight=7.0)
    batches = [Example(torch.full((2, 3, 2, 2), value), torch.zeros(2, 3, 2, 2)) for value in (0.1, 0.2, 0.3, 0.4)]
    found = list(method.losses(batches, 0))
    assert [name for name, _ in found] == ["critic"] * 3 + ["generator"]
    assert seen == pytest.approx([0.1, 0.2, 0.3, 0.4])
    expected = 7.0 * 0.4 - critic(batches[-1].input).mean()
    torch.testing.assert_close(found[-1][1], expected)
    assert all(torch.autograd.grad(loss, method.generator.gain, allow_unused=True)[0] is None for _, loss in found[:-1])


@pytest.mark.parametrize(
    ("loss", "expected_of_d", "expected_of_g"),
    [
        (standard, lambda r, f: -(torch.sigmoid(r).log() + (1 - torch.sigmoid(f)).log()), lambda f: -torch.sigmoid(f).log()),
        (least_squares, lambda r, f: (r - 1) ** 2 + f**2, lambda f: (f - 1) ** 2),
        (hinge, lambda r, f: (1 - r).clamp(min=0) + (1 + f).clamp(min=0), lambda f: -f),
        (wasserstein, lambda r, f: f - r, lambda f: -f),
    ],
    ids=["standard", "least squares", "hinge", "wasserstein"],
)
def test_adversarial_losses_are_the_papers(loss, expected_of_d, expected_of_g):
    real, fake = torch.randn(2, 64, generator=torch.Generator().manual_seed(0)).unbind()
    torch.testing.assert_close(loss.discriminator(real, fake), expected_of_d(real, fake).mean())
    torch.testing.assert_close(loss.generator(fake), expected_of_g(fake).mean())
    scales = [fake[:16], fake[16:]]
    torch.testing.assert_close(loss.generator(scales), sum(expected_of_g(s).mean() for s in scales) / 2)


def test_feature_matching_averages_layers_and_passes_no_gradient_to_real_features():
    real = [[torch.zeros(1, 2, 2, 2, requires_grad=True), torch.zeros(1, 4, 1, 1)]]
    fake = [[torch.full((1, 2, 2, 2), 3.0, requires_grad=True), torch.full((1, 4, 1, 1), -1.0)]]
    loss = feature_matching(real, fake)
    assert loss.item() == 2.0
    loss.backward()
    assert real[0][0].grad is None and fake[0][0].grad is not None
