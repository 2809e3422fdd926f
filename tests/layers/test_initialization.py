import pytest
import torch
from torch import nn

from darkroom.core.randomness import generator
from darkroom.layers.initialization import initialise_convolutions, initialise_linears


def test_convolutions_are_drawn_from_hes_distribution_and_biases_are_zero():
    network = nn.Sequential(nn.Conv2d(32, 64, 5), nn.BatchNorm2d(64), nn.Conv2d(64, 32, 3, bias=False))
    initialise_convolutions(network, generator(0), gain=0.5, slope=0.2)
    for layer, fan_in in ((network[0], 32 * 25), (network[2], 64 * 9)):
        assert layer.weight.std().item() == pytest.approx(0.5 * (2 / (1 + 0.2**2) / fan_in) ** 0.5, rel=0.03)
    assert not network[0].bias.any() and torch.equal(network[1].weight, torch.ones(64))


def test_linears_are_drawn_from_glorots_distribution():
    network = nn.Sequential(nn.Linear(200, 100))
    initialise_linears(network, generator(0))
    bound = (6 / 300) ** 0.5
    assert network[0].weight.abs().max().item() <= bound and not network[0].bias.any()
    assert network[0].weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.03)


def test_the_generator_determines_the_weights():
    drawn = [nn.Conv2d(3, 4, 3) for _ in range(3)]
    for layer, seed in zip(drawn, (0, 0, 1), strict=True):
        initialise_convolutions(layer, generator(seed))
    assert torch.equal(drawn[0].weight, drawn[1].weight) and not torch.equal(drawn[0].weight, drawn[2].weight)
