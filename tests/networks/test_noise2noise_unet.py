import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.networks.noise2noise_unet import Noise2NoiseUNet


def test_the_papers_network_has_its_number_of_parameters():
    assert sum(p.numel() for p in Noise2NoiseUNet().parameters()) == 991_203  # Table 2, counted by hand


@given(channels=st.sampled_from([1, 3]), height=st.integers(1, 70), width=st.integers(1, 70), residual=st.booleans())
def test_outputs_have_the_size_of_inputs(channels: int, height: int, width: int, residual: bool):
    network = Noise2NoiseUNet(channels, 4, residual=residual).initialise(torch.Generator().manual_seed(0)).eval()
    x = torch.rand(1, channels, height, width)
    with torch.no_grad():
        output = network(x)
    assert output.shape == x.shape
    assert torch.equal(output, x) == residual  # before training, a residual network is the identity


def test_the_halo_bounds_the_receptive_field():
    network = Noise2NoiseUNet(1, 3).initialise(torch.Generator().manual_seed(0)).double().eval()
    x = torch.rand(1, 1, 1024, 64, dtype=torch.float64)
    other = x.clone()
    other[..., 512, 32] += 10
    with torch.no_grad():
        rows = ((network(other) - network(x)).abs() > 0).any(-1)[0, 0].nonzero() - 512
    assert 64 < rows.abs().max() <= network.halo


def test_wrong_channels_are_refused():
    with pytest.raises(DarkroomError, match="takes 3 channel"):
        Noise2NoiseUNet(3, 2)(torch.zeros(1, 1, 8, 8))
