import itertools

import pytest
import torch
from torch import nn

from darkroom.core.cost import multiply_adds
from darkroom.core.errors import DarkroomError
from darkroom.networks.ncsnpp import NCSNpp
from darkroom.networks.score_blocks import AttentionBlock, FourierEmbedding, PositionalEmbedding, ResidualBlock, normalisation

DDPM = dict(block="ddpm", blocks=2, fir=False, progressive_input=False, rescale=False, embedding="positional")
DDPMPP = dict(fir=False, progressive_input=False, embedding="positional")
TINY = dict(channels=1, size=8, width=8, multipliers=(1, 2), blocks=1, attention=(4,))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("switches", "published", "giga"),
    [
        (DDPM, 35_746_307, 6.2),  # google/ddpm-cifar10-32, and the checkpoints of Song et al. 2021
        (DDPMPP, 61_804_419, None),
        ({}, 62_758_915 - 128, 10.9),  # the frequencies of the Fourier embedding were counted as parameters
    ],
)
def test_parameters_and_multiply_adds_are_those_of_the_published_networks(switches: dict, published: int, giga: float | None):
    network = NCSNpp(**switches).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == published
    if giga is not None:
        with torch.no_grad():
            assert multiply_adds(lambda: network(torch.zeros(1, 3, 32, 32), torch.zeros(1))) / 1e9 == pytest.approx(
                giga, abs=0.05
            )


@pytest.mark.parametrize(
    ("block", "fir", "progressive", "embedding"),
    list(itertools.product(("ddpm", "biggan"), (True, False), (True, False), ("fourier", "positional"))),
)
def test_every_arm_runs_forwards_and_backwards(block: str, fir: bool, progressive: bool, embedding: str):
    network = NCSNpp(**TINY, block=block, fir=fir, progressive_input=progressive, embedding=embedding).initialise(seeded())
    x = torch.rand(2, 1, 8, 8, generator=seeded())
    assert float(network(x, torch.tensor([0.5, 2.0])).detach().abs().max()) == 0  # the last layer begins at 0
    for module in network.modules():
        if getattr(module, "gain", None) == 0.0:
            nn.init.normal_(module.weight, std=0.1, generator=seeded())
    output = network(x, torch.tensor([0.5, 2.0]))
    output.square().mean().backward()
    assert output.shape == x.shape and bool(torch.isfinite(output).all())
    assert all(parameter.grad is not None and torch.isfinite(parameter.grad).all() for parameter in network.parameters())
    assert not torch.allclose(output, network(x, torch.tensor([2.0, 0.5])))


def test_other_sizes_and_batches():
    network = NCSNpp(**TINY).initialise(seeded()).eval()
    nn.init.normal_(network.leave[-1].weight, generator=seeded())
    x, level = torch.rand(3, 1, 12, 8, generator=seeded()), torch.tensor([0.1, 1.0, 2.0])
    together = network(x, level)
    assert torch.allclose(together[1:2], network(x[1:2], level[1:2]), atol=1e-5)
    with pytest.raises(DarkroomError, match="sides are multiples of 2, given 8x7"):
        network(torch.rand(1, 1, 7, 8), torch.zeros(1))
    with pytest.raises(DarkroomError, match="images of 9x9 cannot be halved 1 times"):
        NCSNpp(**{**TINY, "size": 9})


def test_dropout_is_off_in_evaluation():
    network = NCSNpp(**TINY, dropout=0.5).initialise(seeded())
    nn.init.normal_(network.leave[-1].weight, generator=seeded())
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            nn.init.normal_(module.conv2.weight, std=0.3, generator=seeded())
    x = torch.rand(1, 1, 8, 8)
    assert not torch.equal(network(x, torch.zeros(1)), network(x, torch.zeros(1)))
    network.eval()
    assert torch.equal(network(x, torch.zeros(1)), network(x, torch.zeros(1)))


def test_weights_depend_on_the_generator_alone():
    states = []
    for disturbance in (1, 2):
        torch.manual_seed(disturbance)
        states.append(NCSNpp(**TINY).initialise(seeded()).state_dict())
    assert all(torch.equal(first, second) for first, second in zip(states[0].values(), states[1].values(), strict=True))


def test_attention_is_that_of_diffusers():
    processor = pytest.importorskip("diffusers.models.attention_processor", reason="diffusers is not installed")
    block = AttentionBlock(16, rescale=True)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.2, generator=seeded())
    theirs = processor.Attention(16, heads=1, dim_head=16, norm_num_groups=4, eps=1e-6, bias=True, residual_connection=True)
    theirs.rescale_output_factor = 2**0.5
    with torch.no_grad():
        parts = zip(block.queries_keys_values.weight.chunk(3), block.queries_keys_values.bias.chunk(3), strict=True)
        for layer, (weight, bias) in zip((theirs.to_q, theirs.to_k, theirs.to_v), parts, strict=True):
            layer.weight.copy_(weight[:, :, 0, 0])
            layer.bias.copy_(bias)
        theirs.to_out[0].weight.copy_(block.leave.weight[:, :, 0, 0])
        theirs.to_out[0].bias.copy_(block.leave.bias)
        theirs.group_norm.load_state_dict(block.norm.state_dict())
        x = torch.randn(2, 16, 4, 4, generator=seeded())
        assert torch.allclose(block(x), theirs(x), atol=1e-5)


def test_embeddings():
    embeddings = pytest.importorskip("diffusers.models.embeddings", reason="diffusers is not installed")
    numbers = torch.tensor([0.0, 3.7, 999.0])
    theirs = embeddings.get_timestep_embedding(numbers, 16, downscale_freq_shift=1)
    assert torch.allclose(PositionalEmbedding(16)(numbers), theirs, atol=1e-4)
    fourier = FourierEmbedding(2000)
    assert fourier.features == 4000 and float(fourier.frequencies.std()) == pytest.approx(16, rel=0.1)
    assert torch.allclose(fourier(torch.zeros(1))[0, 2000:], torch.ones(2000))
    assert (normalisation(8).num_groups, normalisation(256).num_groups, normalisation(20).num_groups) == (2, 32, 5)
    assert normalisation(8).eps == 1e-6
