"""Gradients of every module against PyTorch's autograd and against finite differences; the modules run without autograd."""

import ast
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

import darkroom.scratch
from darkroom.scratch.activation import LeakyReLU, ReLU, Sigmoid
from darkroom.scratch.convolution import Conv2d, TransposeConv2d
from darkroom.scratch.loss import L1, MSE
from darkroom.scratch.module import Module, Residual, Sequential, Skip
from darkroom.scratch.upsampling import NearestUpsampling, Upsampling

ALLOWED = {"empty", "cat", "arange", "dtype", "device", "Tensor"}
PAIRS = st.tuples(st.integers(1, 4), st.integers(1, 4))
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
DTYPES = st.sampled_from([torch.float32, torch.float64])


def random(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def assert_equivalent(ours: Module, theirs: nn.Module, x: torch.Tensor) -> None:
    """Outputs, gradients of the input, and gradients of parameters, which accumulate over two calls."""
    close = dict(atol=1e-5, rtol=1e-5) if x.dtype == torch.float32 else dict(atol=1e-10, rtol=1e-10)
    for (parameter, _), other in zip(ours.param(), theirs.parameters(), strict=True):
        other.data.copy_(parameter)
    for call in (1, 2):
        leaf = x.clone().requires_grad_()
        expected = theirs(leaf)
        gradient = random(tuple(expected.shape), x.dtype, call)
        expected.backward(gradient)
        with torch.set_grad_enabled(False):
            got, back = ours.forward(x), ours.backward(gradient)
        torch.testing.assert_close(got, expected.detach(), **close)
        torch.testing.assert_close(back, leaf.grad, **close)
        for (_, mine), other in zip(ours.param(), theirs.parameters(), strict=True):
            torch.testing.assert_close(mine, other.grad, **{name: 10 * call * value for name, value in close.items()})


@given(
    shape=SHAPES,
    out=st.integers(1, 4),
    kernel=PAIRS,
    stride=PAIRS,
    padding=PAIRS,
    dilation=PAIRS,
    bias=st.booleans(),
    dtype=DTYPES,
)
def test_convolution(shape, out, kernel, stride, padding, dilation, bias, dtype):
    size = [n + 2 * p - d * (k - 1) - 1 for n, k, p, d in zip(shape[2:], kernel, padding, dilation, strict=True)]
    assume(min(size) >= 0)
    torch.manual_seed(0)
    ours = Conv2d(shape[1], out, kernel, stride, padding, dilation, bias, dtype=dtype)
    theirs = nn.Conv2d(shape[1], out, kernel, stride, padding, dilation, bias=bias, dtype=dtype)
    assert_equivalent(ours, theirs, random(shape, dtype))


@given(
    shape=SHAPES,
    out=st.integers(1, 4),
    kernel=PAIRS,
    stride=PAIRS,
    padding=PAIRS,
    dilation=PAIRS,
    bias=st.booleans(),
    dtype=DTYPES,
)
def test_transposed_convolution(shape, out, kernel, stride, padding, dilation, bias, dtype):
    output_padding = tuple(step - 1 for step in stride)
    size = [
        (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        for n, s, p, d, k, m in zip(shape[2:], stride, padding, dilation, kernel, output_padding, strict=True)
    ]
    assume(min(size) >= 1)
    torch.manual_seed(0)
    ours = TransposeConv2d(shape[1], out, kernel, stride, padding, output_padding, bias, dilation, dtype=dtype)
    theirs = nn.ConvTranspose2d(
        shape[1], out, kernel, stride, padding, output_padding, bias=bias, dilation=dilation, dtype=dtype
    )
    assert_equivalent(ours, theirs, random(shape, dtype))


@given(shape=SHAPES, factor=PAIRS, dtype=DTYPES)
def test_upsampling(shape, factor, dtype):
    assert_equivalent(NearestUpsampling(factor), nn.Upsample(scale_factor=factor, mode="nearest"), random(shape, dtype))
    torch.manual_seed(0)
    theirs = nn.Sequential(nn.Upsample(scale_factor=factor), nn.Conv2d(shape[1], 2, 3, padding=1, dtype=dtype))
    assert_equivalent(Upsampling(shape[1], 2, scale_factor=factor, dtype=dtype), theirs, random(shape, dtype))


@given(shape=SHAPES, out=st.integers(1, 4), bias=st.booleans(), dtype=DTYPES)
def test_upsampling_in_polyphase_form(shape, out, bias, dtype):
    torch.manual_seed(0)
    ours = Upsampling(shape[1], out, bias=bias, dtype=dtype)
    convolution = nn.Conv2d(shape[1], out, 3, padding=1, bias=bias, dtype=dtype)
    assert ours.polyphase
    assert_equivalent(ours, nn.Sequential(nn.Upsample(scale_factor=2), convolution), random(shape, dtype))


@given(shape=SHAPES, slope=st.floats(0, 1), dtype=DTYPES)
def test_activations(shape, slope, dtype):
    for ours, theirs in ((ReLU(), nn.ReLU()), (LeakyReLU(slope), nn.LeakyReLU(slope)), (Sigmoid(), nn.Sigmoid())):
        assert_equivalent(ours, theirs, random(shape, dtype))


@given(shape=SHAPES, dtype=DTYPES)
def test_losses(shape, dtype):
    prediction, target = random(shape, dtype), random(shape, dtype, 1)
    for ours, theirs in ((MSE(), nn.MSELoss()), (L1(), nn.L1Loss())):
        leaf = prediction.clone().requires_grad_()
        expected = theirs(leaf, target)
        (3 * expected).backward()
        got = ours.forward(prediction, target)
        torch.testing.assert_close(got, expected.detach())
        torch.testing.assert_close(ours.backward(got.new_tensor(3.0)), leaf.grad)
        torch.testing.assert_close(3 * ours.backward(), leaf.grad)


@given(shape=SHAPES, dtype=DTYPES)
def test_residual_and_skip_connections(shape, dtype):
    class Connection(nn.Module):
        def __init__(self, module: nn.Module, concatenate: bool) -> None:
            super().__init__()
            self.module, self.concatenate = module, concatenate

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, self.module(x)], 1) if self.concatenate else x + self.module(x)

    channels = shape[1]
    for concatenate in (False, True):
        torch.manual_seed(0)
        inner = Sequential(Conv2d(channels, channels, 3, padding=1, dtype=dtype), ReLU())
        ours = Skip(inner) if concatenate else Residual(inner)
        theirs = Connection(nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, dtype=dtype), nn.ReLU()), concatenate)
        assert_equivalent(ours, theirs, random(shape, dtype))


def small_network(dtype: torch.dtype) -> Sequential:
    torch.manual_seed(0)
    return Sequential(
        Conv2d(3, 4, 3, 2, 1, dtype=dtype),
        ReLU(),
        Upsampling(4, 3, dtype=dtype),
        LeakyReLU(),
        TransposeConv2d(3, 2, (2, 3), dtype=dtype),
        Sigmoid(),
    )


def test_network_against_finite_differences():
    network, loss = small_network(torch.float64), MSE()
    x = random((2, 3, 6, 8), torch.float64)
    target = random(tuple(network.forward(x).shape), torch.float64, 1)

    def value() -> float:
        return loss.forward(network.forward(x), target).item()

    value()
    input_gradient = network.backward(loss.backward())
    for tensor, gradient in [*network.param(), (x, input_gradient)]:
        for index in range(0, tensor.numel(), max(1, tensor.numel() // 7)):
            flat, step = tensor.view(-1), 1e-6
            original = flat[index].item()
            flat[index] = original + step
            above = value()
            flat[index] = original - step
            below = value()
            flat[index] = original
            assert gradient.reshape(-1)[index].item() == pytest.approx((above - below) / (2 * step), abs=1e-7, rel=1e-5)


def test_initialisation_equals_pytorch():
    for ours, theirs in (
        (Conv2d(16, 32, (3, 5)), nn.Conv2d(16, 32, (3, 5))),
        (TransposeConv2d(16, 32, (3, 5)), nn.ConvTranspose2d(16, 32, (3, 5))),
    ):
        for (mine, _), other in zip(ours.param(), theirs.parameters(), strict=True):
            assert mine.shape == other.shape
            assert mine.abs().max() == pytest.approx(other.abs().max().item(), rel=0.06)
            assert mine.std() == pytest.approx(other.std().item(), rel=0.25)


def test_gradient_of_the_input_can_be_left_out():
    layer = Conv2d(3, 4, 3, needs_input_grad=False)
    y = layer.forward(random((2, 3, 5, 5), torch.float32))
    assert layer.backward(y).numel() == 0
    assert layer.weight_gradient.abs().sum() > 0


def test_imports_are_restricted():
    folder = Path(darkroom.scratch.__file__).parent
    files = list(folder.glob("*.py"))
    assert len(files) == 8
    for path in files:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= {"torch", "math", "json", "os"}, path
            if isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names}
                allowed = {"torch": {"Tensor"}, "torch.nn.functional": {"fold", "unfold"}, "pathlib": {"Path"}}
                assert node.module.startswith("darkroom.scratch.") or names <= allowed.get(node.module, set()), path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "torch":
                assert node.attr in ALLOWED, f"{path}: torch.{node.attr}"
