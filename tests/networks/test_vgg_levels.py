from pathlib import Path

import pytest
import torch
from torchvision.models import vgg19

from darkroom.core.errors import DarkroomError
from darkroom.networks.vgg_levels import VGGLevels


def test_the_distance_is_over_five_levels_of_torchvisions_network(tmp_path: Path):
    torch.manual_seed(0)
    network = vgg19(weights=None).features.eval()
    torch.save({f"features.{name}": tensor for name, tensor in network.state_dict().items()}, tmp_path / "vgg.pth")
    x, y = torch.rand(1, 3, 16, 16, requires_grad=True), torch.rand(1, 3, 16, 16)
    distance = VGGLevels(tmp_path / "vgg.pth")(x, y)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    expected, found, wanted = torch.zeros(()), (x - mean) / deviation, (y - mean) / deviation
    weights = {1: 1 / 32, 6: 1 / 16, 11: 1 / 8, 20: 1 / 4, 29: 1.0}  # after relu1_1, relu2_1, relu3_1, relu4_1, relu5_1
    for number, layer in enumerate(network[:30]):
        found, wanted = layer(found.clone()), layer(wanted.clone())
        if number in weights:
            expected = expected + weights[number] * (found - wanted).abs().mean()
    torch.testing.assert_close(distance, expected)
    assert torch.autograd.grad(distance, x)[0].abs().sum() > 0
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(DarkroomError, match="does not hold the weights of VGG-19"):
        VGGLevels(tmp_path / "other.pth")(x, y)
