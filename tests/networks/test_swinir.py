import copy
import importlib
from functools import lru_cache
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.data.embedded import embedded
from darkroom.engine.restorer import Restorer
from darkroom.metrics.fidelity import psnr
from darkroom.networks import swin_blocks
from darkroom.networks.swin_windows import window_order
from darkroom.networks.swinir import SwinIR

UPSAMPLERS = {"denoising": "", "classical": "pixelshuffle", "lightweight": "pixelshuffledirect"}


@lru_cache
def official(head: str = "denoising", scale: int = 1, channels: int = 3, window: int = 8, **changes: Any) -> nn.Module:
    """Spandrel's copy of the authors' file, with position biases as large as trained ones."""
    theirs = importlib.import_module("spandrel.architectures.SwinIR.__arch.SwinIR").SwinIR
    settings = dict(
        upscale=scale,
        in_chans=channels,
        img_size=4 * window,
        window_size=window,
        img_range=255.0 if window == 7 else 1.0,
        depths=(2, 3),
        embed_dim=12,
        num_heads=(2, 2),
        mlp_ratio=2,
        upsampler=UPSAMPLERS[head],
        resi_connection="1conv",
    )
    torch.manual_seed(0)
    network = theirs(**{**settings, **changes}).eval()
    for name, parameter in network.named_parameters():
        if "table" in name or "norm" in name:
            nn.init.normal_(parameter, std=0.5)
    return network


@pytest.mark.parametrize(
    ("head", "scale", "channels", "window"),
    [
        ("denoising", 1, 3, 8),
        ("denoising", 1, 1, 8),
        ("denoising", 1, 3, 7),
        ("classical", 2, 3, 8),
        ("classical", 3, 3, 8),
        ("classical", 4, 3, 8),
        ("lightweight", 2, 3, 8),
        ("lightweight", 3, 1, 8),
    ],
)
@pytest.mark.parametrize("size", [(32, 24), (29, 17), (8, 8), (40, 9)])
def test_outputs_are_those_of_the_authors_network(head: str, scale: int, channels: int, window: int, size: tuple[int, int]):
    theirs = official(head, scale, channels, window)
    ours = SwinIR.from_state_dict(theirs.state_dict()).eval()
    assert (ours.head, ours.scale, ours.channels, ours.grid) == (head, scale, channels, window)
    x = torch.rand(2, channels, *size)
    with torch.no_grad():
        expected = theirs(x)
        torch.testing.assert_close(ours(x), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(ours(x).detach(), expected, atol=1e-4, rtol=0)  # with gradients all windows are done at once


def test_gradients_are_those_of_the_authors_network():
    theirs = copy.deepcopy(official())
    ours = SwinIR.from_state_dict(theirs.state_dict())
    x, target = torch.rand(2, 3, 24, 16), torch.rand(2, 3, 24, 16)
    for network in (theirs, ours):
        (network(x) - target).square().sum().backward()
    theirs_by_name = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs_by_name[name].grad, atol=1e-4, rtol=1e-3)


def test_the_published_networks_have_their_number_of_parameters():
    def count(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    assert count(SwinIR()) == 11_504_163
    assert count(SwinIR(3, "lightweight", 2, width=60, depths=(6,) * 4)) == 910_152  # as counted by others; printed: 878 K
    assert round(count(SwinIR(3, "classical", 2)) / 1e6, 2) == 11.75


def test_parameters_have_the_authors_names():
    for head, scale in (("denoising", 1), ("classical", 2), ("lightweight", 2)):
        names = official(head, scale).state_dict().keys()
        ours = SwinIR(3, head, scale, width=12, depths=(2, 3), heads=2).state_dict().keys()
        assert {name for name in names if "attn_mask" not in name and "position_index" not in name} == ours


@given(height=st.integers(1, 20), width=st.integers(1, 20), batch=st.integers(1, 2))
def test_outputs_have_the_size_of_inputs(height: int, width: int, batch: int):
    network = SwinIR(1, width=4, depths=(2,), heads=2).initialise(torch.Generator().manual_seed(0)).eval()
    x = torch.rand(batch, 1, height, width)
    with torch.no_grad():
        torch.testing.assert_close(network(x), x)  # before training, a denoiser is the identity


def test_buffers_can_be_broadcast_to_other_processes():
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        network = SwinIR(3, width=4, depths=(2,), heads=2).to(memory_format=torch.channels_last)
        nn.parallel.DistributedDataParallel(network)(torch.rand(1, 3, 8, 8)).sum().backward()
    finally:
        torch.distributed.destroy_process_group()


def test_the_number_of_windows_at_once_does_not_change_the_output(monkeypatch):
    network = SwinIR.from_state_dict(official().state_dict()).eval()
    x = torch.rand(2, 3, 40, 32)
    with torch.no_grad():
        expected = network(x)
        for count in (1, 3, 7, 1000):
            monkeypatch.setattr(swin_blocks, "WINDOWS_AT_ONCE", count)
            torch.testing.assert_close(network(x), expected, atol=1e-5, rtol=0)


def test_window_orders_are_permutations_and_are_cached_by_size():
    assert window_order(1, 32, 24, 8, "cpu") is window_order(1, 32, 24, 8, "cpu")
    order = window_order(2, 32, 24, 8, "cpu")
    assert order.unmasked == 2 * 3 * 2 and len(order.mask) == 2 * (4 * 3 - 3 * 2)
    assert torch.equal(order.shift.forward[order.shift.backward], torch.arange(2 * 32 * 24))


def test_tiles_are_blended_without_seams():
    network = SwinIR(3, width=12, depths=(4, 4), heads=2).initialise(torch.Generator().manual_seed(0))
    nn.init.normal_(network.conv_last.weight, std=0.1, generator=torch.Generator().manual_seed(1))
    clean = to_float(embedded("heldout")[0][:, 100:340, 100:420])
    whole, tiled = (Restorer(network, precision="32", memory=memory << 20) for memory in (900, 40))
    assert whole.tile >= 320 and tiled.tile <= 160 and tiled.tiling.feather == 32
    scores = [psnr(restorer(clean)[None], clean[None]).item() for restorer in (whole, tiled)]
    assert abs(scores[0] - scores[1]) < 0.01
    difference = (whole(clean) - tiled(clean)).abs()
    assert difference.max() < 2e-3


def test_other_state_dicts_are_not_taken():
    state = dict(official().state_dict())
    assert SwinIR.from_state_dict({**state, "absolute_pos_embed": torch.zeros(1)}) is None
    assert SwinIR.from_state_dict({**state, "more": torch.zeros(1)}) is None
    assert SwinIR.from_state_dict({"x": torch.zeros(1)}) is None


def test_invalid_settings_are_refused():
    for call, words in [
        (lambda: SwinIR(width=10, heads=3), "given 10 features and 3 heads"),
        (lambda: SwinIR(scale=2), "denoising head does not upscale by 2"),
        (lambda: SwinIR(3, "classical", 5), "classical head does not upscale by 5"),
        (lambda: SwinIR(3, width=4, depths=(1,), heads=1)(torch.zeros(1, 1, 8, 8)), "takes 3 channel"),
    ]:
        with pytest.raises(DarkroomError, match=words):
            call()
