"""Generators and discriminators of images against published and derived counts, and against layers written out."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate

from darkroom.core.cost import multiply_adds, parameters
from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.networks import dcgan, sngan


def test_parameters_are_the_published_ones():
    """DCGAN: those of PyTorch's example. SNGAN: summed over the layers of the paper's Table 4, shortcuts of 1×1 included."""
    assert parameters(dcgan.Generator()) == 3_576_704
    assert parameters(dcgan.Discriminator()) == 2_765_568
    block = 2 * (2 * 256) + 2 * (9 * 256**2 + 256) + 256**2 + 256
    ours = sngan.Generator()
    assert parameters(ours) == 128 * 4096 + 4096 + 3 * block + 2 * 256 + 9 * 256 * 3 + 3 == 4_276_739
    plain = 2 * (9 * 128**2 + 128)
    first, second = 27 * 128 + 128 + 9 * 128**2 + 128 + 3 * 128 + 128, plain + 128**2 + 128
    assert parameters(sngan.Discriminator()) == first + second + 2 * plain + 128 + 1 == 1_053_825


def test_multiply_adds_are_the_published_ones():
    """1.68 G and 0.27 G for CIFAR-10; the generator's shortcuts are convolved before their side is doubled here."""
    with torch.device("meta"), torch.no_grad():
        network, discriminator = sngan.Generator().eval(), sngan.Discriminator().eval()
        saved = 256**2 * (8**2 + 16**2 + 32**2) * 3 // 4
        assert (multiply_adds(lambda: network(torch.zeros(1, 128))) + saved) / 1e9 == pytest.approx(1.68, abs=0.005)
        assert multiply_adds(lambda: discriminator(torch.zeros(1, 3, 32, 32))) / 1e9 == pytest.approx(0.27, abs=0.005)


@pytest.mark.parametrize("size", [8, 16, 32, 64])
@pytest.mark.parametrize("family", [sngan, dcgan], ids=["sngan", "dcgan"])
def test_every_side(family, size: int):
    made = family.Generator(1, size, width=4, latent=6).initialise(generator(0, "g"))
    judge = family.Discriminator(1, size, width=4).initialise(generator(0, "d"))
    images = made(torch.randn(3, 6))
    assert images.shape == (3, 1, size, size) and images.min() >= 0 and images.max() <= 1 and judge(images).shape == (3,)
    assert torch.equal(made.first.weight if family is sngan else made.layers[0].weight, _again(family, size))
    for wrong in (4, 12, 33):
        with pytest.raises(DarkroomError, match=f"8, 16, 32, 64 … pixels a side, not of {wrong}"):
            family.Generator(1, wrong)


def _again(family, size: int) -> torch.Tensor:
    network = family.Generator(1, size, width=4, latent=6).initialise(generator(0, "g"))
    return network.first.weight if family is sngan else network.layers[0].weight


def test_blocks_are_those_of_the_paper():
    """In the paper's order: the shortcut convolved after doubling, and before halving."""
    x = torch.randn(2, 4, 8, 8)
    up = sngan.UpBlock(4).eval()
    first, second = up.convolutions
    h = conv2d(interpolate(x.relu() / (1 + 1e-5) ** 0.5, scale_factor=2), first.weight, first.bias, padding=1)
    h = conv2d(h.relu() / (1 + 1e-5) ** 0.5, second.weight, second.bias, padding=1)
    expected = h + conv2d(interpolate(x, scale_factor=2), up.shortcut.weight, up.shortcut.bias)
    torch.testing.assert_close(up(x), expected, rtol=1e-4, atol=1e-5)
    down = sngan.DownBlock(4, 6, halve=True).eval()
    first, second = down.convolutions
    h = conv2d(conv2d(x.relu(), first.weight, first.bias, padding=1).relu(), second.weight, second.bias, padding=1)
    expected = avg_pool2d(h + conv2d(x, down.shortcut.weight, down.shortcut.bias), 2)
    torch.testing.assert_close(down(x), expected, rtol=1e-4, atol=1e-5)


def test_every_layer_of_the_discriminator_has_norm_1():
    network = sngan.Discriminator(3, 16, width=8).initialise(generator(1)).eval()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == 2 * 3 + 1 + 1  # one block with a shortcut and two without
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)
