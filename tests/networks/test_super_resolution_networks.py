"""Networks for super-resolution: parameters, outputs against spandrel's copies, receptive fields."""

import pytest
import spandrel
import torch
from torch import nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator
from darkroom.networks.basic_sr import BasicSRModel
from darkroom.networks.rrdbnet import RRDBNet
from darkroom.networks.safmn import SAFMN
from darkroom.networks.srresnet import SRResNet
from darkroom.networks.unet_discriminator import UNetDiscriminator
from darkroom.networks.vgg_discriminator import VGGDiscriminator


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("network", "published"),
    [
        (lambda: BasicSRModel(), 372_803),
        (lambda: BasicSRModel(residual=True), 372_803),
        (lambda: RRDBNet(4), 16_697_987),
        (lambda: UNetDiscriminator(), 4_376_897),
        (lambda: VGGDiscriminator(128), 14_499_401),
    ],
)
def test_networks_have_their_published_number_of_parameters(network, published: int):
    assert parameters(network()) == published


@pytest.mark.parametrize(("scale", "thousands"), [(2, 228), (4, 240)])
def test_safmn_has_its_published_number_of_parameters(scale: int, thousands: int):
    assert round(parameters(SAFMN(scale)) / 1000) == thousands


def test_basic_sr_has_one_multiplication_per_weight_and_pixel():
    weights = sum(module.weight.numel() for module in BasicSRModel().modules() if isinstance(module, nn.Conv2d))
    assert weights == 3 * 64 * 9 + 10 * 64 * 64 * 9 + 64 * 3 * 9


@pytest.mark.parametrize("network", [RRDBNet(4, blocks=2), RRDBNet(2, blocks=1), SAFMN(2), SAFMN(4, blocks=2)])
def test_outputs_are_those_of_spandrels_copies(network: RestorationNetwork):
    network.initialise(generator(0))
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    theirs = spandrel.ModelLoader().load_from_state_dict(state)
    assert theirs.scale == network.scale
    low = torch.rand(2, 3, 24, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(low), theirs.model.eval()(low), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("make", [SRResNet, RRDBNet, SAFMN, lambda scale, blocks: BasicSRModel(blocks, 8, scale=scale)])
def test_outputs_are_larger_by_the_scale(make, scale: int):
    network = make(scale, blocks=1).initialise(generator(0)).eval()
    with torch.no_grad():
        for height, width in ((8, 11), (1, 1), (5, 3)):
            assert network(torch.rand(2, 3, height, width)).shape == (2, 3, scale * height, scale * width)


@pytest.mark.parametrize(
    "network",
    [
        BasicSRModel(3, 6),
        BasicSRModel(2, 6, scale=4, residual=True),
        SRResNet(2, 1, 8),
        SRResNet(4, 2, 8),
        RRDBNet(2, 1, 8, 4),
        SAFMN(2, 8, 1),
    ],
)
def test_the_halo_is_the_radius_of_the_receptive_field(network: RestorationNetwork):
    """In cells of the network's grid, and with at most a few pixels too many."""
    network.initialise(generator(0)).double().eval()
    size = -(-(2 * network.halo + 41) // network.grid) * network.grid
    low = torch.rand(1, 3, size, size, dtype=torch.float64, requires_grad=True)
    middle = size // 2
    network(low)[..., middle * network.scale, middle * network.scale].abs().sum().backward()
    used = low.grad.abs().sum((0, 1)).nonzero()
    reach = (used - middle).abs().max().item()
    assert reach <= network.halo
    assert reach >= network.halo - 4 - network.grid


def test_a_residual_network_adds_to_the_upscaled_image():
    low = torch.rand(1, 3, 12, 12)
    network = BasicSRModel(4, 16, residual=True).initialise(generator(0))
    upscaled = nn.functional.interpolate(low, scale_factor=2, mode="bilinear", align_corners=False)
    for parameter in network.layers[-1].parameters():
        nn.init.zeros_(parameter)
    torch.testing.assert_close(network(low), upscaled)


def test_invalid_settings_are_refused():
    with pytest.raises(DarkroomError, match="given --scale 3"):
        SRResNet(3)
    with pytest.raises(DarkroomError, match="multiple of 32, given 100"):
        VGGDiscriminator(100)
    with pytest.raises(DarkroomError, match="takes images of 32x32, given 40x32"):
        VGGDiscriminator(32, 4, 4, 5)(torch.rand(1, 3, 32, 40))


@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_the_u_net_has_a_logit_for_every_pixel_and_the_vgg_one_for_the_image(size: tuple[int, int]):
    network = UNetDiscriminator(4).initialise(generator(0))
    assert network(torch.rand(2, 3, *size)).shape == (2, 1, *size)
    assert VGGDiscriminator(32, 4, 4, 5).initialise(generator(0))(torch.rand(2, 3, 32, 32)).shape == (2, 1)


def test_spectral_normalisation_bounds_the_inner_layers():
    network = UNetDiscriminator(4).initialise(generator(0))
    for _ in range(30):
        network(torch.rand(1, 3, 32, 32))
    for convolution in [*network.down, *network.up, *network.head]:
        largest = torch.linalg.matrix_norm(convolution.weight.flatten(1), 2)
        assert largest.item() == pytest.approx(1, abs=0.05)
