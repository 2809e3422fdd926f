import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models.segmentation import LRASPP_MobileNet_V3_Large_Weights, deeplabv3_mobilenet_v3_large

from darkroom.core.cost import parameters
from darkroom.layers.normalization import BatchNorm2d
from darkroom.networks.segmentation_network import DEVIATION, MEAN, SegmentationNetwork


def test_parameters_are_as_many_as_torchvision_states():
    assert parameters(SegmentationNetwork(21)) == LRASPP_MobileNet_V3_Large_Weights.DEFAULT.meta["num_params"] == 3_221_538
    theirs = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=19)
    assert parameters(SegmentationNetwork(19, "deeplabv3")) == parameters(theirs)


def test_logits_are_torchvisions_on_standardised_images():
    network = SegmentationNetwork(5, "deeplabv3").initialise(torch.Generator().manual_seed(0)).eval()
    theirs = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5).eval()
    theirs.load_state_dict(network.network.state_dict())
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5
    images = torch.rand(1, 3, 40, 56)
    mean, deviation = (torch.tensor(x).view(3, 1, 1) for x in (MEAN, DEVIATION))
    assert torch.allclose(network(images), theirs((images - mean) / deviation)["out"], atol=1e-5)


@pytest.fixture(scope="module")
def network() -> SegmentationNetwork:
    return SegmentationNetwork(3).initialise(torch.Generator().manual_seed(1)).eval()


@settings(max_examples=6)
@given(height=st.integers(1, 70), width=st.integers(1, 70))
def test_images_of_any_size(network: SegmentationNetwork, height: int, width: int):
    images = torch.rand(1, 3, height, width)
    assert network(images).shape == (1, 3, height, width) and network.features(images).shape == (1, network.width)


def test_weights_are_those_of_the_generator_and_statistics_those_of_the_global_batch(network: SegmentationNetwork):
    again, other = (SegmentationNetwork(3).initialise(torch.Generator().manual_seed(seed)).state_dict() for seed in (1, 2))
    assert all(torch.equal(tensor, again[name]) for name, tensor in network.state_dict().items())
    assert any(not torch.equal(tensor, other[name]) for name, tensor in network.state_dict().items())
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) > 40 and all(isinstance(norm, BatchNorm2d) for norm in norms)
