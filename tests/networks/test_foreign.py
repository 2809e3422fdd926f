import os
import time
from pathlib import Path

import pytest
import safetensors.torch
import spandrel
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.restorer import Restorer
from darkroom.networks import foreign
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.rrdbnet import RRDBNet
from darkroom.networks.safmn import SAFMN


def state_of(architecture: str) -> dict[str, torch.Tensor]:
    """Random weights of small networks of other programs."""
    torch.manual_seed(0)
    if architecture == "ESRGAN":
        return RRDBNet(4, 1).initialise(generator(0)).state_dict()
    if architecture == "SwinIR":
        from spandrel.architectures.SwinIR import SwinIR

        return SwinIR(
            upscale=2, window_size=8, depths=[2], embed_dim=12, num_heads=[2], mlp_ratio=2, upsampler="pixelshuffledirect"
        ).state_dict()
    if architecture == "SCUNet":
        from spandrel.architectures.SCUNet import SCUNet

        return SCUNet(in_nc=3, config=[2] * 7, dim=64).state_dict()
    from spandrel.architectures.NAFNet import NAFNet

    return NAFNet(width=4, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]).state_dict()


@pytest.mark.parametrize(("architecture", "scale"), [("ESRGAN", 4), ("SwinIR", 2), ("NAFNet", 1), ("SCUNet", 1)])
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_checkpoint_gives_the_output_of_its_own_network(tmp_path: Path, architecture: str, scale: int, ending: str):
    state = state_of(architecture)
    path = tmp_path / f"theirs{ending}"
    if ending == ".pth":
        torch.save({"params_ema": {f"module.{name}": tensor for name, tensor in state.items()}}, path)
    else:
        safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    network = foreign.read(path)
    assert getattr(network, "name", type(network).__name__) == architecture
    assert (network.scale, network.channels) == (scale, 3) and architecture in foreign.readable()
    image = to_float(embedded("heldout")[0])[:, 90 : 90 + 64, 100 : 100 + 128]  # whole windows, so that padding is the same
    theirs = spandrel.ModelLoader().load_from_state_dict(dict(state))
    restored = Restorer(network, precision="32", memory=4 << 30)(image)
    assert restored.shape == (3, 64 * scale, 128 * scale)
    torch.testing.assert_close(restored.clamp(0, 1), theirs(image[None])[0], atol=1e-4, rtol=1e-4)


def test_an_image_of_any_size_is_restored(tmp_path: Path):
    torch.save(state_of("NAFNet"), tmp_path / "theirs.pth")
    restorer = Restorer(foreign.read(tmp_path / "theirs.pth"), precision="32", memory=1 << 30)
    assert restorer(torch.rand(3, 31, 37)).shape == (3, 31, 37)


@pytest.mark.parametrize(("scale", "width", "blocks", "ffn_scale"), [(2, 36, 3, 2.0), (4, 12, 1, 1.5)])
def test_a_public_safmn_becomes_this_librarys(tmp_path: Path, scale: int, width: int, blocks: int, ffn_scale: float):
    original = SAFMN(scale, width, blocks, ffn_scale).initialise(generator(0))
    torch.save({"params": original.state_dict()}, tmp_path / "safmn.pth")
    network = foreign.read(tmp_path / "safmn.pth")
    low = torch.rand(1, 3, 9, 11)
    with torch.no_grad():
        assert isinstance(network, SAFMN) and network.scale == scale and torch.equal(network(low), original(low))
    assert SAFMN.from_state_dict({**original.state_dict(), "more.weight": torch.zeros(1)}) is None


def test_tiles_begin_on_windows(tmp_path: Path):
    torch.save(state_of("SwinIR"), tmp_path / "swinir.pth")
    restorer = Restorer(foreign.read(tmp_path / "swinir.pth"), precision="32", memory=1 << 30)
    assert restorer.tiling.grid > 1 and restorer.tiling.halo % restorer.tiling.grid == 0
    image = to_float(embedded("heldout")[0])[:, :128, :160]
    whole = restorer(image)
    restorer.tile = 10 * restorer.tiling.grid
    assert (restorer(image) - whole).abs().max() < 0.02


def test_the_list_of_readable_networks_is_spandrels_and_this_librarys():
    theirs = {item.architecture.name for item in spandrel.MAIN_REGISTRY.architectures()}
    assert theirs >= foreign.NOT_RESTORATION  # a name that spandrel has changed would be listed as readable
    own = {"DeblurGAN", "DnCNN", "FDnCNN", "FFDNet", "IMDN", "IRCNN", "KernelNet", "RFDN", "SAFMN", "SwinIR"}
    assert set(foreign.readable()) == (theirs - foreign.NOT_RESTORATION) | own


class Bomb:
    def __reduce__(self) -> tuple:
        return os.system, ("touch /tmp/darkroom-was-here",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"x": torch.zeros(3)}, r"is of no network that can be read \(.*\); its 1 tensors begin with x \(3,\)"),
        ({**RRDBNet(4, 1).state_dict(), "conv_last.weight": torch.zeros(5, 64, 3, 3)}, "cannot|not their shapes|channels"),
        ({"x": Bomb()}, "code"),
    ],
)
def test_a_file_without_a_network_is_refused_in_one_line(tmp_path: Path, content: dict, words: str):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(DarkroomError, match=words) as caught:
        foreign.read(tmp_path / "x.pth")
    assert len(str(caught.value).splitlines()) == 1
    assert not Path("/tmp/darkroom-was-here").exists()


def test_the_refusal_names_what_can_be_read(tmp_path: Path):
    torch.save({"x": torch.zeros(3)}, tmp_path / "x.pth")
    with pytest.raises(DarkroomError) as caught:
        foreign.read(tmp_path / "x.pth")
    assert f"({', '.join(foreign.readable())})" in str(caught.value)


@pytest.mark.parametrize("wrapper", [(), ("state_dict",), ("model_ema",), ("checkpoint", "model_state_dict"), ("generator",)])
@pytest.mark.parametrize("prefix", ["", "model.", "net.", "module.model.", "model.net.", "module.generator."])
@pytest.mark.parametrize("architecture", ["SAFMN", "DnCNN", "NAFNet"])
def test_wrapped_checkpoints_are_read(tmp_path: Path, wrapper: tuple[str, ...], prefix: str, architecture: str):
    networks = {"SAFMN": SAFMN(2, 12, 1), "DnCNN": DnCNN(3, 8, 3, batch_norm=False).initialise(generator(0))}
    state = networks[architecture].state_dict() if architecture in networks else state_of(architecture)
    content: dict = {prefix + name: tensor for name, tensor in state.items()}
    if prefix:  # Lightning also saves the tensors of losses and metrics
        content |= {"loss.vgg.0.weight": torch.zeros(3), "psnr.total": torch.zeros(())}
    for name in reversed(wrapper):
        content = {name: content, "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []}}
    torch.save(content, tmp_path / "w.pth")
    network = foreign.read(tmp_path / "w.pth")
    assert getattr(network, "name", type(network).__name__) == architecture
    ours = network.descriptor.model.state_dict() if architecture == "NAFNet" else network.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in state.items())


def test_averaged_weights_are_taken_first(tmp_path: Path):
    states = [DnCNN(1, 8, 3, batch_norm=False).initialise(generator(seed)).state_dict() for seed in range(2)]
    last, averaged = ({name.replace("layers", "model"): tensor for name, tensor in state.items()} for state in states)
    torch.save({"model": last, "model_ema": averaged}, tmp_path / "w.pth")
    torch.save(
        {f"net.{k}": v for k, v in last.items()} | {f"ema_model.{k}": v for k, v in averaged.items()}, tmp_path / "v.pth"
    )
    for file in ("w.pth", "v.pth"):
        assert torch.equal(foreign.read(tmp_path / file).state_dict()["layers.0.weight"], averaged["model.0.weight"])


def test_safetensors_are_recognised_by_their_content(tmp_path: Path):
    safetensors.torch.save_file(SAFMN(2, 12, 1).state_dict(), tmp_path / "safmn.pth")
    assert isinstance(foreign.read(tmp_path / "safmn.pth"), SAFMN)


@pytest.mark.parametrize(("name", "tensors"), foreign.NOT_READ.items())
def test_a_known_network_that_cannot_be_read_is_named(tmp_path: Path, name: str, tensors: set[str]):
    torch.save({f"module.{tensor}": torch.zeros(4, 4, 3, 3) for tensor in tensors}, tmp_path / "x.pth")
    with pytest.raises(DarkroomError, match=f"holds {name}, which cannot be read; networks that can are .*FFDNet") as caught:
        foreign.read(tmp_path / "x.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"feats.1000000000.ccm.ccm.0.weight": torch.zeros(2)},
        {"feats.x.ccm.ccm.0.weight": torch.zeros(2)},
        {"to_feat.weight": torch.zeros(())},
        {"to_feat.weight": torch.zeros(0, 3, 3, 3)},
        {"to_img.0.weight": torch.zeros(10_000_000, 0, 3, 3)},
    ],
)
def test_tensors_that_contradict_each_other_are_one_line_and_build_nothing_large(tmp_path: Path, changes: dict):
    torch.save({**SAFMN(2, 12, 1).state_dict(), **changes}, tmp_path / "x.pth")
    begun = time.perf_counter()
    with pytest.raises(DarkroomError) as caught:
        foreign.read(tmp_path / "x.pth")
    assert "\n" not in str(caught.value) and time.perf_counter() - begun < 30


def test_a_network_for_inpainting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    torch.save(state_of("NAFNet"), tmp_path / "x.pth")
    monkeypatch.setattr(foreign, "NOT_RESTORATION", frozenset({"NAFNet"}))
    with pytest.raises(DarkroomError, match="holds NAFNet, for inpainting or aligned faces"):
        foreign.read(tmp_path / "x.pth")
