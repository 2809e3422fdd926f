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
from darkroom.engine.restore import Restorer
from darkroom.metrics.fidelity import psnr
from darkroom.networks import swinir
from darkroom.networks.swinir import SwinIR, orders

UPSAMPLERS = {"denoising": "", "classical": "pixelshuffle", "lightweight": "pixelshuffledirect"}


@lru_cache
def official(head: str = "denoising", scale: int = 1, channels: int = 3, window: int = 8, **changes: Any) -> nn.Module:
    """Spandrel's copy of the authors' file, with biases that matter."""
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
def test_the_same_weights_give_the_authors_numbers(head: str, scale: int, channels: int, window: int, size: tuple[int, int]):
    theirs = official(head, scale, channels, window)
    ours = SwinIR.from_foreign(theirs.state_dict()).eval()
    assert (ours.head, ours.scale, ours.channels, ours.grid) == (head, scale, channels, window)
    x = torch.rand(2, channels, *size)
    with torch.no_grad():
        wanted = theirs(x)
        torch.testing.assert_close(ours(x), wanted, atol=1e-4, rtol=0)
    torch.testing.assert_close(ours(x).detach(), wanted, atol=1e-4, rtol=0)  # with gradients it takes another way


def test_gradients_are_the_authors():
    theirs = copy.deepcopy(official())
    ours = SwinIR.from_foreign(theirs.state_dict())
    x, target = torch.rand(2, 3, 24, 16), torch.rand(2, 3, 24, 16)
    for network in (theirs, ours):
        (network(x) - target).square().sum().backward()
    theirs_by_name = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs_by_name[name].grad, atol=1e-4, rtol=1e-3)


def test_the_published_networks_have_their_size():
    def count(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    assert count(SwinIR()) == 11_504_163
    assert count(SwinIR(3, "lightweight", 2, width=60, depths=(6,) * 4)) == 910_152  # as counted by others; printed: 878 K
    assert round(count(SwinIR(3, "classical", 2)) / 1e6, 2) == 11.75


def test_every_name_is_the_authors():
    for head, scale in (("denoising", 1), ("classical", 2), ("lightweight", 2)):
        names = official(head, scale).state_dict().keys()
        own = SwinIR(3, head, scale, width=12, depths=(2, 3), heads=2).state_dict().keys()
        assert {name for name in names if "attn_mask" not in name and "position_index" not in name} == own


@given(height=st.integers(1, 20), width=st.integers(1, 20), batch=st.integers(1, 2))
def test_any_size_in_the_same_size_out(height: int, width: int, batch: int):
    network = SwinIR(1, width=4, depths=(2,), heads=2).initialise(torch.Generator().manual_seed(0)).eval()
    x = torch.rand(batch, 1, height, width)
    with torch.no_grad():
        torch.testing.assert_close(network(x), x)  # a denoiser begins with doing nothing


def test_its_buffers_can_be_told_to_other_processes():
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        network = SwinIR(3, width=4, depths=(2,), heads=2).to(memory_format=torch.channels_last)
        nn.parallel.DistributedDataParallel(network)(torch.rand(1, 3, 8, 8)).sum().backward()
    finally:
        torch.distributed.destroy_process_group()


def test_few_windows_at_a_time_change_nothing(monkeypatch):
    network = SwinIR.from_foreign(official().state_dict()).eval()
    x = torch.rand(2, 3, 40, 32)
    with torch.no_grad():
        wanted = network(x)
        for some in (1, 3, 7, 1000):
            monkeypatch.setattr(swinir, "WINDOWS_AT_ONCE", some)
            torch.testing.assert_close(network(x), wanted, atol=1e-5, rtol=0)


def test_orders_and_masks_are_made_once_a_size():
    assert orders(1, 32, 24, 8, "cpu") is orders(1, 32, 24, 8, "cpu")
    order = orders(2, 32, 24, 8, "cpu")
    assert order.unmasked == 2 * 3 * 2 and len(order.mask) == 2 * (4 * 3 - 3 * 2)
    assert torch.equal(order.shift.forward[order.shift.backward], torch.arange(2 * 32 * 24))


def test_tiles_fade_into_each_other_without_a_seam():
    network = SwinIR(3, width=12, depths=(4, 4), heads=2).initialise(torch.Generator().manual_seed(0))
    nn.init.normal_(network.conv_last.weight, std=0.1, generator=torch.Generator().manual_seed(1))
    clean = to_float(embedded("heldout")[0][:, 100:340, 100:420])
    whole, tiled = (Restorer(network, precision="32", memory=memory << 20) for memory in (900, 40))
    assert whole.tile >= 320 and tiled.tile <= 160 and tiled.feather == 32
    answers = [psnr.compute(restorer(clean)[None], clean[None]).item() for restorer in (whole, tiled)]
    assert abs(answers[0] - answers[1]) < 0.01
    difference = (whole(clean) - tiled(clean)).abs()
    assert difference.max() < 2e-3


def test_other_networks_are_left_to_others():
    state = dict(official().state_dict())
    assert SwinIR.from_foreign({**state, "absolute_pos_embed": torch.zeros(1)}) is None
    assert SwinIR.from_foreign({**state, "more": torch.zeros(1)}) is None
    assert SwinIR.from_foreign({"x": torch.zeros(1)}) is None


def test_mistakes_are_one_line():
    for call, words in [
        (lambda: SwinIR(width=10, heads=3), "3 heads cannot share 10 features"),
        (lambda: SwinIR(scale=2), "denoising head cannot enlarge 2"),
        (lambda: SwinIR(3, "classical", 5), "classical head cannot enlarge 5"),
        (lambda: SwinIR(3, width=4, depths=(1,), heads=1)(torch.zeros(1, 1, 8, 8)), "takes 3 channel"),
    ]:
        with pytest.raises(DarkroomError, match=words):
            call()
