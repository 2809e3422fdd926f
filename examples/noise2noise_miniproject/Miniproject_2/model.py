"""Noise2Noise (Lehtinen et al. 2018) on small pictures without autograd: the framework is `framework.py` beside this file."""

import time
from pathlib import Path

import torch
from torch import Tensor

if __package__:
    from .framework import (
        MSE,
        SGD,
        Adam,
        Conv2d,
        Module,
        NearestUpsampling,
        ReLU,
        Residual,
        Sequential,
        Sigmoid,
        Skip,
        TransposeConv2d,
        Upsampling,
    )
else:
    from framework import (
        MSE,
        SGD,
        Adam,
        Conv2d,
        Module,
        NearestUpsampling,
        ReLU,
        Residual,
        Sequential,
        Sigmoid,
        Skip,
        TransposeConv2d,
        Upsampling,
    )

__all__ = [
    "MSE",
    "SGD",
    "Conv2d",
    "Model",
    "NearestUpsampling",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "TransposeConv2d",
    "Upsampling",
]

BATCH = 32
RATE = 1e-3
WIDTH = 16


class Model:
    """A small U-Net of our own modules that learns from pairs of noisy pictures.

    The squared error has its minimum at the mean of what may be wanted, and noise without a mean leaves that where it was:
    to learn with noisy targets is to learn with clean ones, only slower (Lehtinen et al. 2018, section 2).

    Pictures are `(N, 3, H, W)`, in [0, 255] (uint8 or float) or in [0, 1], and so are the answers: floats, in the range of
    what was given. Numbers above 2 say that it is [0, 255].
    """

    def __init__(self) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = unet(WIDTH, self.device)

    def load_pretrained_model(self) -> None:
        """Take the weights of `bestmodel.pth`, beside this file; nothing in it is executed."""
        found = torch.load(Path(__file__).with_name("bestmodel.pth"), map_location=self.device, weights_only=True)
        for (parameter, _), tensor in zip(self.network.param(), found, strict=True):
            parameter.copy_(tensor)

    def save(self, path: Path) -> None:
        """Write the weights, in half precision: what is lost is far below a grey level."""
        torch.save([parameter.half().cpu() for parameter, _ in self.network.param()], path)

    def train(self, train_input: Tensor, train_target: Tensor, num_epochs: int = 10) -> None:
        """Minimise the squared error between answers and targets, with Adam and a rate that falls along a line.

        A pair is mirrored together, in one of four ways.
        """
        source, target = check(train_input), check(train_target)
        if source.shape != target.shape:
            raise ValueError(f"inputs {tuple(source.shape)} and targets {tuple(target.shape)} are not pairs")
        white, begun, done = white_of(source), time.monotonic(), 0
        loss, optimizer = MSE(), Adam(self.network.param(), RATE, betas=(0.9, 0.99))
        with torch.set_grad_enabled(False):
            for epoch in range(num_epochs):
                total, order = 0.0, torch.empty(len(source)).uniform_().argsort()
                for chosen in order.split(BATCH):
                    axes = [axis for axis in (-2, -1) if float(torch.empty(1).uniform_()) < 0.5]
                    x, y = (
                        whole_cells(pictures[chosen].to(self.device).float().div(white).flip(axes))
                        for pictures in (source, target)
                    )
                    total += float(loss.forward(self.network.forward(x), y)) * len(chosen)
                    optimizer.zero_grad()
                    self.network.backward(loss.backward())
                    optimizer.lr = RATE * (1 - done / (num_epochs * len(source)))
                    optimizer.step()
                    done += len(chosen)
                minutes = (time.monotonic() - begun) / 60
                print(f"epoch {epoch + 1} of {num_epochs}: loss {total / len(source):.6f}, {minutes:.1f} min", flush=True)

    def predict(self, test_input: Tensor) -> Tensor:
        """Denoise: the mean of the answers to a picture mirrored in four ways."""
        pictures, white = check(test_input), white_of(test_input)
        height, width = pictures.shape[-2:]
        answers = []
        with torch.set_grad_enabled(False):
            for few in pictures.split(256):
                x = whole_cells(few.to(self.device).float() / white)
                every = sum(self.network.forward(x.flip(axes)).flip(axes) for axes in ([], [-1], [-2], [-2, -1]))
                answers.append((every[..., :height, :width] / 4).clamp(0, 1) * white)
        return torch.cat(answers).to(test_input.device)


def unet(w: int, device: torch.device) -> Module:
    """Two halvings (by stride) and two doublings with skips; what is learned is the noise to take away.

    Args:
        w: features at full size, doubled at every halving.
        device: of the parameters.
    """

    def convolution(channels: int, width: int, stride: int = 1) -> Conv2d:
        return rectified(Conv2d(channels, width, 3, stride, padding=1, device=device))

    def upsampling(channels: int, width: int) -> Upsampling:
        enlarging = Upsampling(channels, width, 3, padding=1, device=device)
        rectified(enlarging.convolution)
        return enlarging

    quarter = Sequential(
        convolution(2 * w, 4 * w, stride=2), ReLU(), convolution(4 * w, 4 * w), ReLU(), upsampling(4 * w, 2 * w), ReLU()
    )
    half = Sequential(
        *(convolution(w, 2 * w, stride=2), ReLU(), convolution(2 * w, 2 * w), ReLU()),
        *(Skip(quarter), convolution(4 * w, 2 * w), ReLU(), upsampling(2 * w, w), ReLU()),
    )
    last = Conv2d(w, 3, 3, padding=1, device=device)
    for parameter, _ in last.param():
        parameter.zero_()
    full = Sequential(convolution(3, w), ReLU(), convolution(w, w), ReLU(), Skip(half), convolution(2 * w, w), ReLU(), last)
    return Residual(full)


def rectified(convolution: Conv2d) -> Conv2d:
    """Weights drawn so that the signal keeps its size through max(0, x) (He et al. 2015, eq. 10); biases zero."""
    convolution.weight.normal_(0, (2 / (convolution.weight[0].numel())) ** 0.5)
    convolution.bias.zero_()
    return convolution


def check(pictures: Tensor) -> Tensor:
    """The pictures themselves, if that is what they are."""
    if pictures.ndim != 4 or pictures.shape[1] != 3 or not pictures.numel():
        raise ValueError(f"pictures (N, 3, H, W) are wanted, at least one; given {tuple(pictures.shape)}")
    return pictures


def white_of(pictures: Tensor) -> float:
    """255 for bytes and for numbers above 2, else 1."""
    return 255.0 if pictures.dtype == torch.uint8 or float(pictures.max()) > 2 else 1.0


def whole_cells(pictures: Tensor) -> Tensor:
    """Height and width made multiples of 4, the last rows and columns repeated."""
    below, right = (-length % 4 for length in pictures.shape[-2:])
    rows = torch.cat([pictures] + [pictures[:, :, -1:]] * below, 2)
    return torch.cat([rows] + [rows[..., -1:]] * right, 3)
