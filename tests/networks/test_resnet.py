"""The backbone against torchvision, and what a frozen one is."""

import copy

import pytest
import torch
import torchvision

from darkroom.core.randomness import generator
from darkroom.networks.image_classifier import ImageClassifier
from darkroom.networks.resnet import DEVIATION, MEAN, ResNet


@pytest.mark.parametrize(("depth", "parameters"), [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032), (101, 44_549_160)])
def test_parameters_are_those_of_the_published_networks_without_the_classifier(depth: int, parameters: int):
    with torch.device("meta"):
        network = ResNet(depth)
    assert sum(p.numel() for p in network.parameters()) + 1000 * (network.features + 1) == parameters


@pytest.mark.parametrize("depth", [18, 50])
def test_torchvisions_weights_give_torchvisions_features(depth: int):
    theirs = getattr(torchvision.models, f"resnet{depth}")().eval()
    ours = ResNet(depth).eval()
    ours.load_state_dict({name: tensor for name, tensor in theirs.state_dict().items() if not name.startswith("fc.")})
    theirs.fc = torch.nn.Identity()
    images = torch.rand(2, 3, 64, 64)
    standardised = torchvision.transforms.functional.normalize(images, MEAN, DEVIATION)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(standardised), rtol=1e-4, atol=1e-4)


def test_the_small_stem_keeps_the_resolution():
    network, sides = ResNet(10, width=4, stem="small"), []
    network.layer1.register_forward_hook(lambda module, given, output: sides.append(output.shape[-1]))
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 32) and sides == [32]


def test_a_frozen_backbone_is_a_fixed_function():
    network = ImageClassifier(ResNet(10, width=4, stem="small"), 3, frozen=True).initialise(generator(0, "w")).train()
    before = copy.deepcopy(network.backbone.state_dict())
    assert network.training and network.head.training and not any(module.training for module in network.backbone.modules())
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    images = torch.rand(4, 3, 16, 16)
    expected = network.backbone(images)
    for _ in range(2):
        torch.nn.functional.cross_entropy(network(images), torch.tensor([0, 1, 2, 0])).backward()
        optimizer.step()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.backbone.state_dict().items())
    assert torch.equal(network.backbone(images), expected) and network.head.weight.grad is not None
    assert expected.shape == (4, network.backbone.features)  # pooled


def test_a_backbone_that_is_not_frozen_learns():
    network = ImageClassifier(ResNet(10, width=4, stem="small"), 3).initialise(generator(0, "w")).train()
    network(torch.rand(4, 3, 16, 16)).sum().backward()
    assert network.backbone.conv1.weight.grad.abs().sum() > 0 and int(network.backbone.bn1.num_batches_tracked) == 1
