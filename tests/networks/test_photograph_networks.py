"""Networks for photographs: published parameter counts, spandrel's NAFNet, where training starts, receptive fields."""

import pytest
import spandrel
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator
from darkroom.engine.restorer import Restorer
from darkroom.networks.blended import Blended
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.nafnet import NAFNet
from darkroom.networks.projected import Projected
from darkroom.networks.small_edsr import SmallEDSR
from darkroom.networks.small_unet import SmallUNet

SIDD = dict(encoder=(2, 2, 4, 8), middle=12, decoder=(2, 2, 2, 2))


@pytest.mark.parametrize(("width", "blocks", "millions"), [(32, {}, 17.1), (64, {}, 67.9), (32, SIDD, 29.2), (64, SIDD, 116.0)])
def test_nafnet_has_its_published_number_of_parameters(width: int, blocks: dict, millions: float):
    with torch.device("meta"):
        network = NAFNet(width, **blocks)
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 1) == millions


def test_nafnet_gives_the_output_of_spandrels():
    network = randomised(NAFNet(8, (1, 2), 1, (1, 1)))
    theirs = spandrel.ModelLoader().load_from_state_dict({name: x.clone() for name, x in network.state_dict().items()})
    assert theirs.architecture.name == "NAFNet"
    image = torch.rand(2, 3, 36, 40)
    with torch.no_grad():
        torch.testing.assert_close(network(image), theirs.model.eval()(image), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("network", [NAFNet(4, (1, 1), 1, (1, 1)), SmallUNet(widths=(4, 6, 8))])
@given(height=st.integers(1, 40), width=st.integers(1, 40))
@settings(max_examples=8, deadline=None)
def test_training_starts_from_the_image_itself_of_any_size(network, height: int, width: int):
    network.initialise(generator(0))
    image = torch.rand(1, 3, height, width)
    with torch.no_grad():
        assert torch.equal(network(image), image)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarging_starts_from_repeated_pixels(scale: int):
    network = SmallEDSR(scale, width=8, blocks=2).initialise(generator(0))
    low = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(network(low), nn.functional.interpolate(low, scale_factor=scale, mode="nearest"))


def test_the_trunk_is_the_same_at_every_scale():
    two, four = SmallEDSR(2, 8, 2), SmallEDSR(4, 8, 2)
    four.trunk.load_state_dict(two.trunk.state_dict())
    assert two.tail.weight.shape != four.tail.weight.shape


@pytest.mark.parametrize(
    "network", [SmallUNet(widths=(4, 6, 8)), SmallUNet(widths=(4, 6), encoder=(1, 1), decoder=(1,)), SmallEDSR(2, 6, 3)]
)
def test_no_pixel_beyond_the_halo_matters(network):
    randomised(network)
    side = 2 * (network.halo + 16)
    image = torch.rand(1, 3, side, side)
    left = network.halo + 8  # on the network's grid
    changed = image.clone()
    changed[..., :8] = 0
    with torch.no_grad():
        before, after = network(image), network(changed)
    assert torch.equal(before[..., left * network.scale :], after[..., left * network.scale :])
    assert not torch.equal(before[..., :8], after[..., :8])


def test_tiles_give_the_whole_image():
    network = randomised(SmallUNet(widths=(4, 6), encoder=(1, 1), decoder=(1,)))
    image = torch.rand(3, 200, 160)
    whole = Restorer(network, precision="32")(image)
    parts = Restorer(network, precision="32", memory=1 << 21)
    assert parts.tile < 160
    torch.testing.assert_close(parts(image), whole, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_a_blended_network_applies_a_share_of_the_correction(strength: float):
    network = randomised(DnCNN(3, 4, 3))
    image = torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        expected = image + strength * (network.eval()(image) - image)
        torch.testing.assert_close(Blended(network, strength)(image), expected)


def test_a_blended_network_finishes_on_the_whole_image():
    projected = Projected(DnCNN(3, 4, 3).initialise(generator(0)).eval())
    randomised(projected)
    image, sigma = torch.rand(1, 3, 12, 12), torch.tensor([0.1])
    blended = Blended(projected, 0.5)
    assert blended.noise_conditional == projected.noise_conditional
    with torch.no_grad():
        torch.testing.assert_close(blended(image, sigma), (image + projected(image, sigma)) / 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DarkroomError, match="enlarges it by 2"):
        Blended(SmallEDSR(2, 4, 1), 0.5)
    with pytest.raises(DarkroomError, match="3 widths"):
        SmallUNet(widths=(4, 8, 8), encoder=(1, 1), decoder=(1,))
    with pytest.raises(DarkroomError, match="as many scales"):
        NAFNet(4, (1, 1), 1, (1,))


def randomised(network: RestorationNetwork) -> RestorationNetwork:
    """The network with weights none of which are zero."""
    random = generator("weights")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=random))
    return network
