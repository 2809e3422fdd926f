"""Networks in int8: prepared once, agreeing with PyTorch, and chosen only where they are faster."""

from pathlib import Path

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.network import RestorationNetwork
from darkroom.data.embedded import embedded
from darkroom.engine import int8, quantise
from darkroom.engine.int8 import for_precision, prepare
from darkroom.engine.restorer import Restorer
from darkroom.networks.blended import Blended
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.onnx_network import OnnxNetwork
from darkroom.networks.projected import Projected
from darkroom.operators.noise import Gaussian

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

CPU = torch.device("cpu")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("DARKROOM_CACHE", str(tmp_path))
    return tmp_path / "int8"


@pytest.fixture(scope="module")
def network() -> RestorationNetwork:
    """A wide layer between the outermost, which takes nearly all of the time."""
    torch.manual_seed(0)
    network = DnCNN(3, 32, 6, batch_norm=False).eval()
    with torch.no_grad():
        network.layers[-1].weight.mul_(0.01)
    return network


def test_a_network_is_prepared_once_and_then_taken_where_it_is_faster(cache: Path, network, monkeypatch):
    assert for_precision(network, "auto", CPU) is network and not cache.exists()
    monkeypatch.setattr(int8, "_gain", lambda plain, prepared, channels: 3.0)
    found = for_precision(network, "int8", CPU)
    assert isinstance(found, OnnxNetwork) and found.arithmetic.startswith("int8 (PSNR ")
    kinds = {node.op_type for node in onnx.load(str(found.path)).graph.node}
    assert "QuantizeLinear" in kinds
    monkeypatch.setattr(int8, "export", None)  # a second preparation would fail
    assert isinstance(for_precision(network, "auto", CPU), OnnxNetwork)
    assert for_precision(network, "32", CPU) is network and for_precision(network, "auto", torch.device("cuda")) is network
    loss = prepare(network).loss
    image = Gaussian(25.0)(to_float(embedded("heldout")[1][:, :90, :110]), torch.Generator().manual_seed(1))[0]
    expected, quantised = Restorer(network, precision="32")(image), Restorer(found)(image)
    assert loss < 0.05 and 1e-6 < (quantised - expected).abs().max() < 0.05
    half = Restorer(Blended(found, 0.5))
    torch.testing.assert_close(half(image), (image + quantised) / 2)
    assert half.arithmetic == found.arithmetic
    int8._file(network).with_suffix(".json").write_text('{"loss": 0.01, "gain": 1.1}')
    assert for_precision(network, "auto", CPU) is network
    with torch.no_grad():
        network.layers[0].bias[0] += 1
    assert int8._read(int8._file(network)) is None, "other weights"


DAMAGED = (b"", b"\xff\x00", b"[]", b"{}", b'{"loss": 0.01}', b'{"loss": "much", "gain": 2.0}', b'{"loss": 0.01, "gain": [2]}')


def test_a_damaged_record_is_measured_again(cache: Path, network, monkeypatch):
    monkeypatch.setattr(int8, "_gain", lambda plain, prepared, channels: 3.0)
    measured, loss = [], quantise.psnr_loss
    monkeypatch.setattr(quantise, "psnr_loss", lambda *arguments: measured.append(1) or loss(*arguments))
    right = prepare(network)
    once, record = len(measured), int8._file(network).with_suffix(".json")
    for damaged in DAMAGED:
        record.write_bytes(damaged)
        assert for_precision(network, "auto", CPU) is network
    assert prepare(network) == right and len(measured) == 2 * once and prepare(network) == right and len(measured) == 2 * once
    assert isinstance(for_precision(network, "auto", CPU), OnnxNetwork)


def test_what_int8_spoils_is_refused_and_not_kept(cache: Path, network, monkeypatch):
    monkeypatch.setattr(quantise, "psnr_loss", lambda *arguments: 0.3)
    monkeypatch.setattr(quantise, "MOST_IN_FLOAT", 1)
    with pytest.raises(DarkroomError, match=r"loses 0\.30 dB on noisy photographs, 0\.05 are allowed: use --precision auto"):
        for_precision(network, "int8", CPU)
    assert not list(cache.glob("*.onnx")) and not list(cache.glob("*.json"))


def test_where_int8_is_not_possible_the_reason_is_given(cache: Path, network, monkeypatch):
    with pytest.raises(DarkroomError, match="--precision int8 is for CPUs"):
        for_precision(network, "int8", torch.device("cuda"))
    with pytest.raises(DarkroomError, match="Projected cannot be exported: its last operation is on the whole image"):
        for_precision(Projected(DnCNN(3, 4, 3, noise_conditional=True)), "int8", CPU)
    monkeypatch.setattr(int8.importlib.util, "find_spec", lambda name: None)
    assert for_precision(network, "auto", CPU) is network
    with pytest.raises(DarkroomError, match="ONNX Runtime, which is not installed"):
        for_precision(network, "int8", CPU)
