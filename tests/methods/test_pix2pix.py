import pytest
import torch
from torch import nn

from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.layers.label_maps import one_hot
from darkroom.methods import adversarial
from darkroom.methods.pix2pix import Pix2Pix
from darkroom.networks.patch_discriminator import Discrimination, MultiscaleDiscriminator
from darkroom.networks.translation import TranslationNetwork


class Constant(TranslationNetwork):
    """The same colour everywhere; counts its calls."""

    def __init__(self) -> None:
        super().__init__(3)
        self.colour, self.calls = nn.Parameter(torch.tensor([0.5, 0.0, -0.5])), 0

    def initialise(self, generator: torch.Generator) -> "Constant":
        return self

    def generate(self, source, instances):
        self.calls += 1
        return self.colour.view(1, 3, 1, 1).expand(len(source), 3, *source.shape[2:])


class Mean(nn.Module):
    """One logit and one feature: the mean of the image and of the second label, times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, condition, image) -> Discrimination:
        logit = self.weight * (image.mean((1, 2, 3)) + condition[:, 1].mean((1, 2)))
        return Discrimination([logit], [[self.weight * image]])


def method(adversarial_loss: adversarial.AdversarialLoss, **weights: float) -> Pix2Pix:
    weights = {"l1_weight": 0.0, "matching_weight": 0.0, "perceptual_weight": 0.0, **weights}
    perceptual = (lambda x, y: (x - y).square().mean()) if weights["perceptual_weight"] else None
    return Pix2Pix(Constant(), Mean(), adversarial_loss, perceptual, **weights)  # type: ignore[arg-type]


def batch() -> Example:
    random = generator(0)
    return Example(torch.randint(3, (2, 1, 4, 6), generator=random), torch.rand(2, 3, 4, 6, generator=random))


def test_losses_are_those_of_the_papers():
    given = batch()
    fake = torch.tensor([0.75, 0.5, 0.25]).view(1, 3, 1, 1).expand(2, 3, 4, 6)
    label = one_hot(given.input, 3)[:, 1].mean((1, 2))
    real_logit, fake_logit = (2 * (image.mean((1, 2, 3)) + label) for image in (given.target, fake))
    l1 = 2 * (fake - given.target).abs().mean()  # of images in [-1, 1]
    matching = 2 * (fake - given.target).abs().mean()
    square = (fake - given.target).square().mean()
    cases = [
        (adversarial.standard, dict(l1_weight=100.0), -torch.sigmoid(fake_logit).log().mean() + 100 * l1),
        (adversarial.least_squares, dict(matching_weight=20.0), (fake_logit - 1).square().mean() + 20 * matching),
        (
            adversarial.hinge,
            dict(matching_weight=40.0, perceptual_weight=10.0),
            -fake_logit.mean() + 40 * matching + 10 * square,
        ),
    ]
    for loss, weights, expected in cases:
        found = dict(method(loss, **weights).losses(given, 0))
        torch.testing.assert_close(found["generator"], expected)
        torch.testing.assert_close(found["discriminator"], loss.discriminator(real_logit, fake_logit))


def test_the_generator_runs_once_a_step_and_each_loss_reaches_its_network():
    made = method(adversarial.hinge, l1_weight=1.0, matching_weight=1.0)
    steps = made.losses(batch(), 0)
    name, loss = next(steps)
    (gradient,) = torch.autograd.grad(loss, made.generator.colour)
    assert name == "generator" and gradient.abs().sum() > 0
    with torch.no_grad():
        made.generator.colour.add_(0.3)  # the generator's optimizer step
    name, loss = next(steps)
    (gradient,) = torch.autograd.grad(loss, made.discriminator.weight, retain_graph=True)
    assert name == "discriminator" and gradient.abs() > 0
    assert torch.autograd.grad(loss, made.generator.colour, allow_unused=True) == (None,)
    assert made.generator.calls == 1
    with pytest.raises(StopIteration):
        next(steps)


def test_real_networks_take_steps():
    from darkroom.networks.pix2pix import UNetGenerator

    network = UNetGenerator(3, edges=True, width=4, levels=4).initialise(generator(0))
    discriminator = MultiscaleDiscriminator(network.channels + 3, 4, scales=2, spectral=True, affine=False)
    made = Pix2Pix(
        network,
        discriminator.initialise(generator(1)),
        adversarial.hinge,
        None,
        l1_weight=1.0,
        matching_weight=1.0,
        perceptual_weight=0.0,
    )
    optimizers = {name: torch.optim.Adam(net.parameters(), 1e-3) for name, net in made.networks().items()}
    ids = torch.randint(3, (1, 1, 64, 64), generator=generator(2))
    given, found = Example(ids, torch.full((1, 3, 64, 64), 0.2), (ids,)), []
    for step in range(6):
        for name, loss in made.losses(given, step):
            optimizers[name].zero_grad()
            loss.backward(inputs=list(made.networks()[name].parameters()))
            optimizers[name].step()
        found.append((made.predict(given) - given.target).abs().mean().item())
    assert found[-1] < 0.95 * found[0]
