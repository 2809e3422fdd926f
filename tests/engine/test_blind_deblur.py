"""Blind deblurring of images of any size and kind, within a memory budget."""

from pathlib import Path

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import ImageFile, read, to_float, write
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine import blind_deblur
from darkroom.engine.blind_deblur import BlindDeblurrer
from darkroom.networks.kernel_net import KernelNet
from darkroom.operators.kernel_field import KernelField, check
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair
from darkroom.solvers.blind import Restoration
from darkroom.workflows.restore import make_restorer, restore, restore_files


def network(width: int = 2, basis: int = 3) -> KernelNet:
    return KernelNet(width, basis).initialise(generator(0)).eval()


class Oracle(KernelNet):
    """A network whose last layers are set to one kernel and one mask."""

    def __init__(self, kernel: torch.Tensor) -> None:
        super().__init__(1, 1)
        self.kernel = kernel

    def kernels_of(self, means):
        return self.kernel[None, None]


def test_a_shaken_photograph_becomes_sharp_with_the_right_kernels():
    clean = to_float(embedded("heldout")[0])[:, 40:168, 80:240].contiguous()
    pair = ShakenPair(CameraShake(33, exposures=(0.5,)), field_given=True)
    shaken, _, (kernels, _) = pair(clean, generator(6))
    sharp = clean[:, 16:-16, 16:-16]
    reports: list[tuple[int, int]] = []
    deblurrer = BlindDeblurrer(Oracle(kernels[0]), restoration=Restoration(20))
    restored = deblurrer(shaken, lambda done, total: reports.append((done, total)))
    assert restored.shape == shaken.shape and reports == [(n, 20) for n in range(1, 21)]
    errors = [(x - sharp).square().mean() for x in (restored, shaken)]
    assert errors[0] < 0.4 * errors[1]


@pytest.mark.parametrize("shape", [(3, 20, 12), (1, 50, 70), (3, 1, 1)])
@pytest.mark.parametrize("level", [0.0, 1.0, None])
def test_grey_small_black_and_saturated_images(shape: tuple[int, int, int], level: float | None):
    image = torch.rand(shape) if level is None else torch.full(shape, level)
    restored = BlindDeblurrer(network(), restoration=Restoration(2))(image)
    assert restored.shape == shape and restored.isfinite().all()
    if level is not None:
        assert (restored - level).abs().max() < 0.02


def test_within_one_tile_the_field_is_the_network_s_and_in_tiles_it_is_a_field(monkeypatch):
    image = to_float(embedded("heldout")[0])[:, :200, :330].contiguous()
    net = network()
    whole = BlindDeblurrer(net, memory=1 << 30).estimate(image)
    with torch.no_grad():
        expected = net(image[None])
    torch.testing.assert_close(whole.masks, expected.masks[0])
    torch.testing.assert_close(whole.kernels, expected.kernels[0])
    small = BlindDeblurrer(net, memory=8 << 20)
    assert small.tile < 200
    for half_from in (blind_deblur.HALF_FROM, 1000):
        monkeypatch.setattr(blind_deblur, "HALF_FROM", half_from)
        tiled = small.estimate(image)
        check(KernelField(tiled.kernels, tiled.masks))
        assert (tiled.masks.float() - whole.masks).abs().mean() < 0.05
    assert tiled.masks.dtype == torch.float16
    with pytest.raises(DarkroomError, match="MiB is too little for this network"):
        BlindDeblurrer(net, memory=1 << 20).estimate(image)


def test_files_and_images_in_memory_are_restored_and_kernels_written(tmp_path: Path):
    write(tmp_path / "shaken.png", ImageFile(torch.rand(3, 60, 80)))
    torch.save(network().state_dict(), tmp_path / "kernels.pth")
    restorer = make_restorer(str(tmp_path / "kernels.pth"), solver_steps=2, accelerator="cpu")
    assert isinstance(restorer, BlindDeblurrer) and restorer.write_figures(tmp_path / "x.png") == []
    (file,) = restore_files(tmp_path / "shaken.png", tmp_path / "sharp.png", restorer)
    assert not file.error and read(tmp_path / "sharp.png").pixels.shape == (3, 60, 80)
    kernels, basis = restorer.write_figures(tmp_path / "sharp.png")
    assert kernels.name == "sharp_kernels.png" and read(kernels).pixels.shape == (3, 60, 80) and basis.is_file()
    assert restore(torch.rand(3, 40, 50), network(), solver_steps=1, accelerator="cpu").shape == (3, 40, 50)
    assert make_restorer(network(), accelerator="cpu").restoration.steps == 30
    with pytest.raises(DarkroomError, match="estimate the kernels themselves: leave out the kernel"):
        make_restorer(network(), kernel="k.npy")
