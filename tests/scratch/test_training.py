from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.scratch import weights
from darkroom.scratch.activation import ReLU, Sigmoid
from darkroom.scratch.convolution import Conv2d, TransposeConv2d
from darkroom.scratch.loss import MSE
from darkroom.scratch.module import FrameworkError, Sequential
from darkroom.scratch.optimizer import SGD, Adam
from darkroom.scratch.upsampling import NearestUpsampling, Upsampling


def small_network(seed: int = 0, width: int = 4) -> Sequential:
    torch.manual_seed(seed)
    return Sequential(Conv2d(3, width, 3, 2, 1, needs_input_grad=False), ReLU(), Upsampling(width, 3), Sigmoid())


@given(momentum=st.floats(0.1, 0.9), nesterov=st.booleans(), decay=st.floats(0, 0.1), adam=st.booleans())
def test_optimizers_equal_pytorch(momentum: float, nesterov: bool, decay: float, adam: bool):
    torch.manual_seed(0)
    parameters = [torch.randn(3, 2), torch.randn(4)]
    params = [(parameter, torch.empty_like(parameter)) for parameter in parameters]
    theirs = [torch.nn.Parameter(parameter.clone()) for parameter in parameters]
    if adam:
        mine, reference = Adam(params, 0.1, weight_decay=decay), torch.optim.Adam(theirs, 0.1, weight_decay=decay)
    else:
        mine = SGD(params, 0.1, momentum, nesterov, decay)
        reference = torch.optim.SGD(theirs, 0.1, momentum, nesterov=nesterov, weight_decay=decay)
    for step in range(5):
        for (_, gradient), other in zip(params, theirs, strict=True):
            gradient.copy_(torch.randn(gradient.shape, generator=torch.Generator().manual_seed(step)))
            other.grad = gradient.clone()
        mine.step()
        reference.step()
        for parameter, other in zip(parameters, theirs, strict=True):
            torch.testing.assert_close(parameter, other.detach(), atol=1e-6, rtol=1e-5)
    mine.zero_grad()
    assert all(not gradient.any() for _, gradient in params)


def test_a_small_network_learns_without_autograd():
    with torch.set_grad_enabled(False):
        network, loss = small_network(), MSE()
        optimizer = Adam(network.param(), 1e-2)
        x = torch.rand(8, 3, 12, 12, generator=torch.Generator().manual_seed(0))
        values = []
        for _ in range(60):
            values.append(loss.forward(network.forward(x), x).item())
            optimizer.zero_grad()
            network.backward(loss.backward())
            optimizer.step()
    assert values[-1] < 0.75 * values[0]


def test_weights_round_trip_and_are_valid_safetensors(tmp_path: Path):
    network, other = small_network(0), small_network(1)
    weights.save(network, tmp_path / "w.safetensors")
    weights.load(other, tmp_path / "w.safetensors")
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(network.param(), other.param(), strict=True))
    theirs = safetensors.torch.load_file(tmp_path / "w.safetensors")
    assert all(torch.equal(theirs[str(number)], tensor) for number, (tensor, _) in enumerate(network.param()))
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize("length", [0, 3, 40, -4])
def test_damaged_file_leaves_the_module_unchanged(tmp_path: Path, length: int):
    network = small_network()
    weights.save(network, tmp_path / "w.safetensors")
    (tmp_path / "w.safetensors").write_bytes((tmp_path / "w.safetensors").read_bytes()[:length])
    before = [tensor.clone() for tensor, _ in network.param()]
    with pytest.raises(FrameworkError, match="w.safetensors"):
        weights.load(network, tmp_path / "w.safetensors")
    assert all(torch.equal(a, b) for a, (b, _) in zip(before, network.param(), strict=True))
    weights.save(small_network(0, width=5), tmp_path / "v.safetensors")
    with pytest.raises(FrameworkError, match="and Sequential has"):
        weights.load(network, tmp_path / "v.safetensors")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Conv2d(3, 4, 3).forward(torch.rand(2, 1, 5, 5)),
            r"Conv2d takes \(batch, 3, height, width\), given \(2, 1, 5, 5\)",
        ),
        (lambda: Conv2d(3, 4, 3).forward(torch.rand(3, 5, 5)), r"given \(3, 5, 5\)"),
        (lambda: Conv2d(3, 4, 3).forward(torch.rand(0, 3, 5, 5)), r"at least one image .* given \(0, 3, 5, 5\)"),
        (
            lambda: Conv2d(3, 4, 7).forward(torch.rand(1, 3, 5, 5)),
            r"kernel of \(7, 7\) and padding \(0, 0\) does not fit into an image of \(5, 5\)",
        ),
        (lambda: Conv2d(3, 4, 3).backward(torch.rand(1)), "Conv2d.backward was called before Conv2d.forward"),
        (lambda: TransposeConv2d(3, 4, 3).backward(torch.rand(1)), "TransposeConv2d.backward was called before"),
        (lambda: TransposeConv2d(3, 4, 3, 2, 0, 2), r"output padding below its stride \(2, 2\), given \(2, 2\)"),
        (lambda: TransposeConv2d(3, 4, 1, 1, 3).forward(torch.rand(1, 3, 2, 2)), "has an empty output"),
        (lambda: NearestUpsampling().forward(torch.rand(3)), "NearestUpsampling takes"),
        (lambda: ReLU().backward(torch.rand(3)), "ReLU.backward was called before"),
        (lambda: MSE().forward(torch.rand(3), torch.rand(4)), r"same shape, given \(3,\) and \(4,\)"),
        (lambda: MSE().backward(), "MSE.backward was called before MSE.forward"),
        (lambda: SGD([], 0.1, nesterov=True), "momentum above 0"),
    ],
)
def test_errors_are_one_line_with_given_and_expected_values(call, message: str):
    with pytest.raises(FrameworkError, match=message) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


def test_gradient_of_wrong_shape():
    layer = Conv2d(3, 4, 3)
    layer.forward(torch.rand(2, 3, 5, 6))
    with pytest.raises(
        FrameworkError, match=r"Conv2d.backward takes a gradient of its output's shape \(2, 4, 3, 4\), given \(2, 4, 3, 3\)"
    ):
        layer.backward(torch.rand(2, 4, 3, 3))
