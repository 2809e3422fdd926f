"""The kernel network against another library's definition of it, and fields that are fields."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.networks import foreign
from darkroom.networks.kernel_net import KernelNet
from darkroom.networks.matching import matches
from darkroom.operators.kernel_field import KernelField, check


def test_names_shapes_and_output_are_those_of_deepinv(tmp_path):
    models = pytest.importorskip("deepinv.models")
    torch.manual_seed(0)
    other = models.KernelIdentificationNetwork(pretrained=None).eval()
    assert sum(parameter.numel() for parameter in other.parameters()) == 79_829_298
    with torch.device("meta"):
        ours = KernelNet()
    assert matches(ours, other.state_dict())
    ours = KernelNet.from_state_dict(other.state_dict())
    ours.gamma = 1.0
    for channels in (3, 1):
        image = torch.rand(1, channels, 32, 64)
        with torch.no_grad():
            expected, found = other(image), ours(image)
        torch.testing.assert_close(found.kernels, expected["filters"][:, 0])
        torch.testing.assert_close(found.masks, expected["multipliers"][:, 0])


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3]), st.integers(1, 4))
def test_any_image_gets_a_field(height: int, width: int, channels: int, basis: int):
    network = KernelNet(2, basis).initialise(generator(0)).eval()
    with torch.no_grad():
        field = network(torch.rand(2, channels, height, width))
    assert field.kernels.shape == (2, basis, 33, 33) and field.masks.shape == (2, basis, height, width)
    for kernels, masks in zip(*field, strict=True):
        check(KernelField(kernels, masks))


def test_the_network_sees_linear_light():
    network = KernelNet(2, 2, gamma=2.2).initialise(generator(0))
    image = torch.rand(1, 3, 32, 32)
    coded = network(image)
    network.gamma = 1.0
    torch.testing.assert_close(network(image**2.2).masks, coded.masks)


def test_checkpoints_are_recognised_whatever_their_width(tmp_path):
    network = KernelNet(3, 4).initialise(generator(1))
    torch.save({f"module.{name}": tensor for name, tensor in network.state_dict().items()}, tmp_path / "kernels.pth")
    found = foreign.read(tmp_path / "kernels.pth")
    assert isinstance(found, KernelNet) and (found.width, found.basis) == (3, 4)
    assert torch.equal(found.feat[0].weight, network.feat[0].weight)
    with pytest.raises(ValueError, match="no kernel network"):
        KernelNet.from_state_dict({"weight": torch.zeros(1)})


@pytest.mark.parametrize("channels", [1, 3])
def test_derivatives_do_not_depend_on_contrast_or_brightness(channels: int):
    network = KernelNet(4, 3, gamma=1.0, derivatives=True).initialise(generator(0))
    image = torch.rand(1, channels, 64, 64, generator=generator(1))
    field, other = network(image), network(0.8 * image + 0.1)
    assert all(torch.allclose(ours, theirs, atol=2e-3) for ours, theirs in zip(field, other, strict=True))
    assert not torch.allclose(field.masks, network(image.flip(3)).masks, atol=2e-3)
    again = KernelNet.from_state_dict(network.state_dict())
    assert again.derivatives and again.width == 4 and again.basis == 3


def test_mistakes_are_one_line():
    with pytest.raises(DarkroomError, match="at least one feature and one kernel, and gamma above 0; given 0, 25, 2.2"):
        KernelNet(0)
    with pytest.raises(DarkroomError, match="grey or RGB images, the image has 2 channels"):
        KernelNet(1, 1)(torch.zeros(1, 2, 8, 8))
