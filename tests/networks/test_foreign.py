import os
from pathlib import Path

import pytest
import safetensors.torch
import spandrel
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.restore import Restorer
from darkroom.networks import foreign
from darkroom.networks.rrdbnet import RRDBNet
from darkroom.networks.safmn import SAFMN


def state_of(architecture: str) -> dict[str, torch.Tensor]:
    """Drawn weights of small networks of other people's, as their programs save them."""
    torch.manual_seed(0)
    if architecture == "ESRGAN":
        return RRDBNet(4, 1).initialise(generator(0)).state_dict()
    if architecture == "SwinIR":
        from spandrel.architectures.SwinIR import SwinIR

        return SwinIR(
            upscale=2, window_size=8, depths=[2], embed_dim=12, num_heads=[2], mlp_ratio=2, upsampler="pixelshuffledirect"
        ).state_dict()
    from spandrel.architectures.NAFNet import NAFNet

    return NAFNet(width=4, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]).state_dict()


@pytest.mark.parametrize(("architecture", "scale"), [("ESRGAN", 4), ("SwinIR", 2), ("NAFNet", 1)])
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_other_peoples_networks_give_their_own_answers(tmp_path: Path, architecture: str, scale: int, ending: str):
    state = state_of(architecture)
    path = tmp_path / f"theirs{ending}"
    if ending == ".pth":
        torch.save({"params_ema": {f"module.{name}": tensor for name, tensor in state.items()}}, path)
    else:
        safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    network = foreign.read(path)
    assert getattr(network, "name", type(network).__name__) == architecture
    assert (network.scale, network.channels) == (scale, 3)
    image = to_float(embedded("heldout")[0])[:, 90:121, 100:137]
    theirs = spandrel.ModelLoader().load_from_state_dict(dict(state))
    answer = Restorer(network, precision="32", memory=1 << 30)(image)
    assert answer.shape == (3, 31 * scale, 37 * scale)
    torch.testing.assert_close(answer.clamp(0, 1), theirs(image[None])[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("scale", "width", "blocks", "growth"), [(2, 36, 3, 2.0), (4, 12, 1, 1.5)])
def test_a_public_safmn_is_ours(tmp_path: Path, scale: int, width: int, blocks: int, growth: float):
    made = SAFMN(scale, width, blocks, growth).initialise(generator(0))
    torch.save({"params": made.state_dict()}, tmp_path / "safmn.pth")
    network = foreign.read(tmp_path / "safmn.pth")
    low = torch.rand(1, 3, 9, 11)
    with torch.no_grad():
        assert isinstance(network, SAFMN) and network.scale == scale and torch.equal(network(low), made(low))
    assert SAFMN.from_foreign({**made.state_dict(), "more.weight": torch.zeros(1)}) is None


def test_tiles_of_another_persons_network_begin_on_its_windows(tmp_path: Path):
    torch.save(state_of("SwinIR"), tmp_path / "swinir.pth")
    restorer = Restorer(foreign.read(tmp_path / "swinir.pth"), precision="32", memory=1 << 30)
    assert restorer.grid > 1 and restorer.halo % restorer.grid == 0
    image = to_float(embedded("heldout")[0])[:, :128, :160]
    whole = restorer(image)
    restorer.tile = 10 * restorer.grid
    assert (restorer(image) - whole).abs().max() < 0.02


class Bomb:
    def __reduce__(self) -> tuple:
        return os.system, ("touch /tmp/darkroom-was-here",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"x": torch.zeros(3)}, r"belongs to no network known here .* its 1 tensors begin with x \(3,\)"),
        ({**RRDBNet(4, 1).state_dict(), "conv_last.weight": torch.zeros(5, 64, 3, 3)}, "cannot|looks like|channels"),
        ({"x": Bomb()}, "asks for code to be run"),
    ],
)
def test_what_is_no_network_is_one_line(tmp_path: Path, content: dict, said: str):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(DarkroomError, match=said) as caught:
        foreign.read(tmp_path / "x.pth")
    assert len(str(caught.value).splitlines()) == 1
    assert not Path("/tmp/darkroom-was-here").exists()
