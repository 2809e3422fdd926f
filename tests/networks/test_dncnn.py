from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.networks import foreign
from darkroom.networks.dncnn import DnCNN


def test_the_papers_networks_have_their_number_of_parameters():
    # Convolutions 9·64 + 64, 15 times 9·64·64, 9·64 + 1, and 15 times two parameters a channel.
    assert sum(p.numel() for p in DnCNN(1).parameters()) == 640 + 15 * 36_864 + 577 + 15 * 128
    # The blind colour network with folded batch normalisation: every convolution has a bias.
    assert sum(p.numel() for p in DnCNN(3, depth=20, batch_norm=False).parameters()) == 1_792 + 18 * 36_928 + 1_731
    with pytest.raises(DarkroomError, match="7 convolutions have as many dilations, given 2"):
        DnCNN(1, depth=7, dilations=(1, 2))


@given(
    channels=st.sampled_from([1, 3]),
    depth=st.integers(2, 6),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    noise_conditional=st.booleans(),
)
def test_outputs_have_the_size_of_inputs(channels, depth, height, width, noise_conditional):
    network = DnCNN(channels, 4, depth, noise_conditional=noise_conditional).eval()
    x = torch.rand(2, channels, height, width)
    condition = (torch.tensor([0.1, 0.2]),) if noise_conditional else ()
    assert network(x, *condition).shape == x.shape


@pytest.mark.parametrize("depth", [2, 5, 9])
def test_the_halo_is_the_radius_of_the_receptive_field(depth: int):
    torch.manual_seed(0)
    network = DnCNN(1, 6, depth, batch_norm=False).double()
    side = 2 * depth + 9
    x = torch.rand(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    network(x)[0, 0, side // 2, side // 2].backward()
    reached = x.grad[0, 0].abs().sum(0).nonzero().flatten()
    assert reached.min() >= side // 2 - network.halo and reached.max() <= side // 2 + network.halo
    assert network.halo == depth


def test_training_starts_from_the_identity():
    network = DnCNN(3, 4, 3).initialise(torch.Generator())
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(network(x), x)


def test_a_noise_conditional_network_depends_on_the_level():
    network = DnCNN(1, 8, 3, noise_conditional=True).eval()
    x = torch.rand(1, 1, 8, 8)
    assert not torch.equal(network(x, torch.tensor([0.1])), network(x, torch.tensor([0.2])))
    with pytest.raises(DarkroomError, match="--sigma"):
        network(x)
    with pytest.raises(DarkroomError, match="takes 1 channel"):
        network(torch.rand(1, 3, 8, 8), torch.tensor([0.1]))


def sequential(channels: int, extra: int, width: int, depth: int, norm: bool, bias: bool) -> torch.nn.Sequential:
    """The layers as in public ports: convolution, (norm,) ReLU, in one `nn.Sequential`."""
    layers = [torch.nn.Conv2d(channels + extra, width, 3, padding=1, bias=bias), torch.nn.ReLU()]
    for _ in range(depth - 2):
        layers.append(torch.nn.Conv2d(width, width, 3, padding=1, bias=bias))
        layers += [torch.nn.BatchNorm2d(width)] if norm else []
        layers.append(torch.nn.ReLU())
    return torch.nn.Sequential(*layers, torch.nn.Conv2d(width, channels, 3, padding=1, bias=bias))


@pytest.mark.parametrize("name", ["dncnn.", "model.", "module.dncnn.", ""])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("channels", "extra"), [(1, 0), (3, 0), (3, 1)])
def test_a_public_checkpoint_gives_the_output_of_its_own_network(tmp_path: Path, name, norm, bias, channels, extra):
    theirs = sequential(channels, extra, 8, 5, norm, bias)
    for module in theirs:
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight)
    state = {name + key: value for key, value in theirs.state_dict().items()}
    if bias:  # checkpoints of early PyTorch versions have no counter
        state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "w.pth")
    ours = foreign.read(tmp_path / "w.pth").eval()
    x, sigma = torch.rand(2, channels, 12, 12), torch.tensor([0.1, 0.2])
    inputs = torch.cat([x, sigma.view(2, 1, 1, 1).expand(2, 1, 12, 12)], 1) if extra else x
    expected = x - theirs.eval()(inputs)
    torch.testing.assert_close(ours(x, *((sigma,) if extra else ())), expected)


@pytest.mark.parametrize(
    "state",
    [
        {"linear.weight": torch.zeros(3, 3)},
        {
            "model.0.weight": torch.zeros(8, 1, 3, 3),
            "model.2.weight": torch.zeros(9, 8, 3, 3),
            "model.4.weight": torch.zeros(1, 9, 3, 3),
        },
        {
            "model.0.weight": torch.zeros(8, 1, 5, 5),
            "model.2.weight": torch.zeros(8, 8, 5, 5),
            "model.4.weight": torch.zeros(1, 8, 5, 5),
        },
    ],
)
def test_other_networks_are_refused(tmp_path: Path, state):
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(DarkroomError, match=r"no network that can be read \(.*DnCNN, .*SwinIR"):
        foreign.read(tmp_path / "w.pth")
