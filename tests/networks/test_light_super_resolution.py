"""IMDN and RFDN against the papers' numbers of parameters, and against the blocks written out."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from darkroom.core.errors import DarkroomError
from darkroom.engine.restorer import Restorer
from darkroom.networks import foreign
from darkroom.networks.imdn import IMDN
from darkroom.networks.rfdn import RFDN


def upscaling(network: IMDN | RFDN, value_range: float) -> dict[str, torch.Tensor]:
    """The state of a network that gives 0.8 x + 0.1, interpolated, and is disturbed a little by everything else it has.

    In another range of values, the constant is another one.
    """
    torch.manual_seed(0)
    s = network.scale
    with torch.no_grad():
        network.LR_conv.weight.mul_(0.02)
        network.LR_conv.bias.zero_()
        for layer in (network.fea_conv, network.upsampler[0]):
            layer.weight.mul_(0.02)
            layer.bias.zero_()
        for c in range(3):
            network.fea_conv.weight[c, c, 1, 1] = 1
            network.upsampler[0].weight[c * s * s : (c + 1) * s * s, c, 1, 1] = 0.8
            network.upsampler[0].bias[c * s * s : (c + 1) * s * s] = 0.1 * value_range
    return network.state_dict()


def convolve(state: dict, name: str, x: torch.Tensor, **options) -> torch.Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state[f"{name}.bias"], padding=options.pop("padding", weight.shape[-1] // 2), **options)


def leaky(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x > 0, x, 0.05 * x)


def imdb(state: dict, name: str, x: torch.Tensor) -> torch.Tensor:
    kept, quarter = [], x.shape[1] // 4
    rest = x
    for number in (1, 2, 3):
        both = leaky(convolve(state, f"{name}.c{number}", rest))
        kept.append(both[:, :quarter])
        rest = both[:, quarter:]
    joined = torch.cat([*kept, convolve(state, f"{name}.c4", rest)], 1)
    mean = joined.mean((2, 3), keepdim=True)
    contrast = ((joined - mean) ** 2).mean((2, 3), keepdim=True) ** 0.5
    hidden = F.relu(convolve(state, f"{name}.cca.conv_du.0", contrast + mean))
    return x + convolve(state, f"{name}.c5", joined * torch.sigmoid(convolve(state, f"{name}.cca.conv_du.2", hidden)))


def rfdb(state: dict, name: str, x: torch.Tensor) -> torch.Tensor:
    kept, rest = [], x
    for number in (1, 2, 3):
        kept.append(leaky(convolve(state, f"{name}.c{number}_d", rest)))
        rest = leaky(rest + convolve(state, f"{name}.c{number}_r", rest))
    kept.append(leaky(convolve(state, f"{name}.c4", rest)))
    joined = convolve(state, f"{name}.c5", torch.cat(kept, 1))
    reduced = convolve(state, f"{name}.esa.conv1", joined)
    coarse = F.max_pool2d(convolve(state, f"{name}.esa.conv2", reduced, stride=2, padding=0), 7, 3)
    coarse = F.relu(convolve(state, f"{name}.esa.conv_max", coarse))
    coarse = convolve(state, f"{name}.esa.conv3_", F.relu(convolve(state, f"{name}.esa.conv3", coarse)))
    fine = F.interpolate(coarse, joined.shape[2:], mode="bilinear", align_corners=False)
    return joined * torch.sigmoid(convolve(state, f"{name}.esa.conv4", fine + convolve(state, f"{name}.esa.conv_f", reduced)))


def written_out(state: dict, block, names: list[str], low: torch.Tensor, value_range: float) -> torch.Tensor:
    shallow = convolve(state, "fea_conv", low * value_range)
    outputs = []
    for name in names:
        outputs.append(block(state, name, outputs[-1] if outputs else shallow))
    body = convolve(state, "LR_conv", leaky(convolve(state, "c.0", torch.cat(outputs, 1)))) + shallow
    sub_pixels = convolve(state, "upsampler.0", body)
    scale = int((sub_pixels.shape[1] // 3) ** 0.5)
    batch, _, height, width = sub_pixels.shape
    rows = sub_pixels.view(batch, 3, scale, scale, height, width).permute(0, 1, 4, 2, 5, 3)
    return rows.reshape(batch, 3, scale * height, scale * width) / value_range


CASES = [
    (IMDN, imdb, ["IMDB1", "IMDB2", "IMDB3"], dict(scale=2, width=16, blocks=3)),
    (IMDN, imdb, ["IMDB1"], dict(scale=3, width=32, blocks=1)),
    (RFDN, rfdb, ["B1", "B2"], dict(scale=4, width=20, blocks=2)),
    (RFDN, rfdb, ["B1", "B2", "B3", "B4"], dict(scale=2, width=50, blocks=4)),
]


@pytest.mark.parametrize("value_range", [1.0, 255.0])
@pytest.mark.parametrize(("network", "block", "names", "options"), CASES)
@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_a_checkpoint_becomes_the_network_of_its_paper(
    tmp_path: Path, network, block, names: list[str], options: dict, value_range: float, prefix: str
):
    state = upscaling(network(**options), value_range)
    torch.save({"params": {prefix + name: tensor for name, tensor in state.items()}}, tmp_path / "w.pth")
    ours = foreign.read(tmp_path / "w.pth").eval()
    assert isinstance(ours, network) and ours.scale == options["scale"] and ours.value_range == value_range
    low = torch.rand(1, 3, 33, 28)
    with torch.no_grad():
        torch.testing.assert_close(ours(low), written_out(state, block, names, low, value_range), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("network", "block", "names", "options"), CASES)
def test_blocks_with_large_weights_are_those_of_their_paper(network, block, names: list[str], options: dict):
    torch.manual_seed(0)
    ours = network(**options).double()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.mul_(2).add_(0.02 * torch.randn_like(parameter))
        low = torch.rand(2, 3, 33, 28, dtype=torch.float64)
        expected = written_out(ours.state_dict(), block, names, low, 1.0)
        assert expected.std() > 0.3
        torch.testing.assert_close(ours(low), expected, atol=1e-9, rtol=1e-9)


def test_the_networks_have_the_published_numbers_of_parameters():
    def count(network: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    # Hui et al. 2019: 694, 703 and 715 thousand.
    assert [round(count(IMDN(scale)) / 1000) for scale in (2, 3, 4)] == [694, 703, 715]
    # The report of the NTIRE 2022 challenge on efficient super-resolution, whose baseline this is: 0.433 million.
    assert round(count(RFDN()) / 1e6, 3) == 0.433


@pytest.mark.parametrize("network", [IMDN(2, 16, 1), RFDN(2, 16, 1)])
@pytest.mark.parametrize("size", [(1, 1), (7, 20), (31, 18)])
def test_an_image_of_any_size_is_upscaled(network, size: tuple[int, int]):
    image = torch.rand(3, *size)
    assert Restorer(network, precision="32", memory=1 << 30)(image).shape == (3, 2 * size[0], 2 * size[1])


@pytest.mark.parametrize("network", [IMDN(2, 16, 1), RFDN(2, 16, 1)])
def test_weights_that_give_no_image_are_one_line(tmp_path: Path, network):
    state = {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(
        DarkroomError, match=rf"those of {type(network).__name__}, but it does not restore a test image"
    ) as caught:
        foreign.read(tmp_path / "w.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("network", [IMDN(2, 16, 2), RFDN(2, 16, 2)])
def test_other_shapes_are_not_taken_for_it(network):
    state = dict(network.state_dict())
    assert type(network).from_state_dict({**state, "more.weight": torch.zeros(1)}) is None
    del state["LR_conv.bias"]
    assert type(network).from_state_dict(state) is None
    assert type(network).from_state_dict({**network.state_dict(), "fea_conv.weight": torch.zeros(16, 3, 5, 5)}) is None
