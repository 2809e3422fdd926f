"""Exported networks: read by onnxruntime and torch.export alone, equal to PyTorch, tiled, and refused where they are not ours."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.data.embedded import embedded
from darkroom.engine.export import export
from darkroom.engine.restorer import Restorer
from darkroom.networks import foreign
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.safmn import SAFMN
from darkroom.networks.swinir import SwinIR

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def trained_like(network):
    """Small random weights in place of the initial ones, and running statistics that are not trivial."""
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return network.eval()


NETWORKS = {
    "blind": lambda: DnCNN(3, 8, 4),
    "noise-conditional": lambda: DnCNN(1, 8, 4, noise_conditional=True),
    "super-resolution with a grid": lambda: SAFMN(2, 12, 1),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_onnxruntime_alone_computes_the_same_for_other_sizes(tmp_path: Path, kind):
    network = trained_like(NETWORKS[kind]())
    found = export(network, tmp_path / "network.onnx")
    assert found.difference < 1e-5 and abs(found.psnr - found.psnr_exported) < 1e-3
    onnx.checker.check_model(str(tmp_path / "network.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "network.onnx"), providers=["CPUExecutionProvider"])
    batch = 1 if network.noise_conditional else 3
    image = torch.rand(batch, network.channels, 5 * network.grid, 37 * network.grid)
    sigma = (torch.tensor([0.2]),) if network.noise_conditional else ()
    given = {"image": image.numpy(), **({"sigma": sigma[0].numpy()} if sigma else {})}
    with torch.no_grad():
        np.testing.assert_allclose(session.run(["restored"], given)[0], network(image, *sigma).numpy(), atol=1e-5)


def test_an_exported_file_restores_in_tiles_as_the_network_does(tmp_path: Path):
    network = trained_like(DnCNN(3, 8, 4))
    export(network, tmp_path / "network.onnx")
    image = to_float(embedded("heldout")[0])[:, :150, :170]
    exported = Restorer(foreign.read(tmp_path / "network.onnx"), memory=1 << 20)
    expected = Restorer(network, precision="32")(image)
    assert exported.tile < 150 and not exported.bf16
    torch.testing.assert_close(exported(image), expected, atol=1e-5, rtol=0)
    assert copy.deepcopy(exported.network)(image[None]).shape == (1, 3, 150, 170)


def test_torch_export_is_loaded_without_darkrooms_code(tmp_path: Path):
    network = trained_like(DnCNN(3, 8, 4))
    assert export(network, tmp_path / "network.pt2").difference < 1e-6
    image = torch.rand(2, 3, 33, 47)
    with torch.no_grad():
        torch.testing.assert_close(torch.export.load(tmp_path / "network.pt2").module()(image), network(image))


@pytest.mark.parametrize(("precision", "largest"), [("16", 5e-3), ("int8", 0.1)])
def test_smaller_files_lose_what_the_check_says(tmp_path: Path, precision, largest):
    network = trained_like(DnCNN(3, 32, 6))
    full, small = export(network, tmp_path / "full.onnx"), export(network, tmp_path / "small.onnx", precision)
    assert small.megabytes < 0.75 * full.megabytes
    assert 1e-7 < small.difference < largest
    image = torch.rand(1, 3, 40, 40)
    with torch.no_grad():
        found = (foreign.read(tmp_path / "small.onnx")(image) - network(image)).abs().max()
    assert found < 2 * largest


@pytest.mark.parametrize(
    ("name", "precision", "message"),
    [("network.txt", "32", r"\.onnx or \.pt2.*'\.txt'"), ("network.pt2", "int8", "precision int8 is for .onnx")],
)
def test_what_cannot_be_written_is_one_line(tmp_path: Path, name, precision, message):
    with pytest.raises(DarkroomError, match=message):
        export(DnCNN(1, 4, 3), tmp_path / name, precision)
    assert not list(tmp_path.iterdir())


def test_a_network_whose_code_depends_on_the_size_is_named(tmp_path: Path):
    with pytest.raises(DarkroomError, match="SwinIR cannot be exported for images of any size"):
        export(SwinIR(1, width=12, depths=(2,), heads=2), tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())


def test_other_onnx_files_are_refused(tmp_path: Path):
    (tmp_path / "rubbish.onnx").write_bytes(b"\x08\x01rubbish")
    with pytest.raises(DarkroomError, match=r"rubbish\.onnx cannot be read as an ONNX file"):
        foreign.read(tmp_path / "rubbish.onnx")
    export(DnCNN(1, 4, 3), tmp_path / "network.onnx")
    for properties, message in (
        ({}, "was not written by `darkroom export`"),
        ({"darkroom": '{"channels": 9}'}, "no valid properties"),
    ):
        model = onnx.load(str(tmp_path / "network.onnx"))
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, properties)
        onnx.save(model, str(tmp_path / "other.onnx"))
        with pytest.raises(DarkroomError, match=message):
            foreign.read(tmp_path / "other.onnx")
