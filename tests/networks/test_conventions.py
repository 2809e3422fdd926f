"""Checkpoints whose tensors do not tell what is done with the output: never another network's result in silence."""

import time
from pathlib import Path

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.engine.restorer import Restorer
from darkroom.networks import foreign
from darkroom.networks.convention import LEAST_DENOISED, SIDE, smooth_image
from darkroom.networks.dncnn import IRCNN_DILATIONS, DnCNN
from darkroom.networks.ffdnet import FFDNet
from tests.networks.denoisers import chain, dilated, noisy_photograph, psnr

LEVEL = torch.tensor([25 / 255])


def read(state: dict, tmp_path: Path, prefix: str = "model."):
    torch.save({prefix + name: tensor for name, tensor in state.items()}, tmp_path / "w.pth")
    return foreign.read(tmp_path / "w.pth").eval()


@pytest.mark.parametrize("predicts", ["noise", "image"])
@pytest.mark.parametrize(("channels", "extra"), [(1, 0), (1, 1), (3, 0), (3, 1)])
@pytest.mark.parametrize("norm", [False, True])
def test_whether_the_output_is_the_noise_or_the_image_is_found(tmp_path: Path, predicts, channels, extra, norm):
    theirs = chain(channels, extra, 5, predicts=predicts, norm=norm)
    ours = read(theirs.state_dict(), tmp_path)
    assert isinstance(ours, DnCNN) and ours.predicts == predicts and ours.noise_conditional == bool(extra)
    clean, noisy = noisy_photograph(channels, 41, 50)
    with torch.no_grad():
        output = theirs(torch.cat([noisy, LEVEL.view(1, 1, 1, 1).expand(1, extra, 41, 50)], 1))
        restored = ours(noisy, *((LEVEL,) if extra else ()))
    torch.testing.assert_close(restored, output if predicts == "image" else noisy - output)
    assert psnr(restored, clean) > psnr(noisy, clean) + 2  # the other reading has 6 dB


def test_dilated_convolutions_are_found(tmp_path: Path):
    # The mean is taken from the right in the layer of dilation 4, and from the left in two of dilation 2: it moves unless dilated.
    shifts = {3: "right", 1: "left", 5: "left"}
    theirs = dilated(chain(1, 0, 7, predicts="noise", shifts=shifts), IRCNN_DILATIONS)
    ours = read(theirs.state_dict(), tmp_path)
    _, noisy = noisy_photograph(1, 41, 50)
    with torch.no_grad():
        torch.testing.assert_close(ours(noisy), noisy - theirs(noisy))
    assert ours.halo == sum(IRCNN_DILATIONS) == 16
    assert read(chain(1, 0, 7, predicts="noise").state_dict(), tmp_path).halo == 7


@pytest.mark.parametrize(
    "spoil", [lambda w: 255 * w, lambda w: 0 * w + 0.2, lambda w: w.flip(0).flip(1)], ids=["255", "constant", "shuffled"]
)
def test_what_gives_no_image_in_any_reading_is_one_line(tmp_path: Path, spoil):
    state = chain(3, 1, 5, predicts="image").state_dict()
    state["8.weight"] = spoil(state["8.weight"])
    with pytest.raises(
        DarkroomError, match=r"w\.pth: the tensors are those of DnCNN, but it does not restore a test image \("
    ) as caught:
        read(state, tmp_path)
    assert "\n" not in str(caught.value)


def their_ffdnet(layers, image: torch.Tensor, sigma: torch.Tensor, *, ipol: bool) -> torch.Tensor:
    """FFDNet as its two public implementations compute it: sub-images by strided slices."""
    batch, channels, height, width = image.shape
    x = torch.nn.functional.pad(image, (0, width % 2, 0, height % 2), mode="replicate")
    halves = torch.zeros(batch, 4 * channels, x.shape[2] // 2, x.shape[3] // 2)
    offsets = [(0, 0), (0, 1), (1, 0), (1, 1)]
    for number, (row, column) in enumerate(offsets):
        halves[:, number::4] = x[:, :, row::2, column::2]
    maps = sigma.view(-1, 1, 1, 1).expand(batch, channels if ipol else 1, *halves.shape[2:])
    output = layers(torch.cat([maps, halves] if ipol else [halves, maps], 1))
    whole = torch.zeros_like(x)
    for number, (row, column) in enumerate(offsets):
        whole[:, :, row::2, column::2] = output[:, number::4]
    return (x - whole if ipol else whole)[:, :, :height, :width]


@pytest.mark.parametrize("size", [(40, 50), (41, 51)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ipol", [False, True], ids=["authors", "ipol"])
def test_ffdnet_is_read_as_both_public_implementations_compute_it(tmp_path: Path, ipol: bool, channels: int, size):
    extra, predicts = (channels, "noise") if ipol else (1, "image")
    theirs = chain(4 * channels, extra, 6, predicts=predicts, extra_first=ipol, norm=ipol)
    prefix = "module.intermediate_dncnn.itermediate_dncnn." if ipol else "model."
    ours = read(theirs.state_dict(), tmp_path, prefix)
    assert isinstance(ours, FFDNet) and ours.channels == channels and ours.noise_conditional
    clean, noisy = noisy_photograph(channels, *size)
    with torch.no_grad():
        expected = their_ffdnet(theirs, noisy, LEVEL, ipol=ipol)
        torch.testing.assert_close(ours(noisy, LEVEL), expected, atol=1e-5, rtol=1e-5)
    assert psnr(expected, clean) > psnr(noisy, clean)
    with pytest.raises(DarkroomError, match="--sigma"):
        ours(noisy)
    with pytest.raises(DarkroomError, match=f"takes {channels} channel"):
        ours(torch.rand(1, 2, 8, 8), LEVEL)


def test_ffdnet_in_tiles_is_ffdnet_on_the_whole_image():
    torch.manual_seed(0)
    network = FFDNet(1, 8, 4, batch_norm=False).initialise(torch.Generator().manual_seed(0))
    restorer = Restorer(network, precision="32", memory=1 << 30, sigma=25.0)
    image = torch.rand(1, 91, 122)
    whole = restorer(image)
    restorer.tile = 24
    assert restorer.tiling.feather == 0
    torch.testing.assert_close(restorer(image), whole, atol=1e-5, rtol=1e-5)


def test_the_halo_of_ffdnet_is_the_radius_of_its_receptive_field():
    network = FFDNet(1, 4, 3, batch_norm=False).initialise(torch.Generator().manual_seed(0)).double()
    reached = []
    for at in (20, 21):
        x = torch.rand(1, 1, 42, 42, dtype=torch.float64, requires_grad=True)
        network(x, torch.tensor([0.1], dtype=torch.float64))[0, 0, at, at].backward()
        columns = x.grad[0, 0].abs().sum(0).nonzero().flatten()
        reached += [at - int(columns.min()), int(columns.max()) - at]
    assert max(reached) == network.halo == 7


def test_ffdnet_has_the_published_numbers_of_parameters():
    def count(network: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    # The authors' files, batch normalisation folded (KAIR): 0.49 and 0.85 million.
    assert count(FFDNet(1, 64, 15, batch_norm=False)) == 485_316
    assert count(FFDNet(3, 96, 12, batch_norm=False)) == 852_108
    # IPOL's: without a bias in the first and the last convolution.
    assert count(FFDNet(1, 64, 15, maps_first=True)) - 64 - 4 == 486_080
    assert count(FFDNet(3, 96, 12, maps=3, maps_first=True)) - 96 - 12 == 854_688


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 4), (12, 12), (14, 12), (2, 2), (5, 3)])
def test_other_numbers_of_channels_are_no_denoiser(tmp_path: Path, inputs: int, outputs: int):
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(inputs, 8, 3),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 8, 3),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, outputs, 3),
    )
    with pytest.raises(DarkroomError) as caught:
        read(theirs.state_dict(), tmp_path)
    assert "\n" not in str(caught.value)


def test_the_test_image_takes_a_moment_and_is_the_same_every_time(tmp_path: Path):
    image = smooth_image(3, SIDE)
    assert torch.equal(image, smooth_image(3, SIDE)) and image.min() >= 0.1 and image.max() <= 0.9
    assert psnr(image, torch.full_like(image, 0.5)) < LEAST_DENOISED < psnr(image, image.roll(2, -1))
    state = chain(3, 0, 20, predicts="noise").state_dict()
    torch.save({f"model.{name}": tensor for name, tensor in state.items()}, tmp_path / "w.pth")
    begun = time.perf_counter()
    foreign.read(tmp_path / "w.pth")
    assert time.perf_counter() - begun < 5
