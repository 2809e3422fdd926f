"""Noise2Noise (Lehtinen et al. 2018) on small images without autograd; the framework is `framework.py` beside this file."""

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

BATCH_SIZE = 32
LR = 1e-3
WIDTH = 16


class Model:
    """A small U-Net of `framework.py`'s modules, trained on pairs of noisy images.

    The minimiser of the squared error is the conditional mean of the target, which zero-mean noise in the targets does not
    change: the loss has the same minimiser as with clean targets, and gradients of larger variance (Lehtinen et al. 2018,
    section 2).

    Images are `(N, 3, H, W)` with values in [0, 255] (uint8 or float) or [0, 1] (float). Predictions are floats in the same
    range. If the largest value is above 2, the range is taken to be [0, 255].
    """

    def __init__(self) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = unet(WIDTH, self.device)

    def load_pretrained_model(self) -> None:
        """Load the weights in `bestmodel.pth`, beside this file; nothing in it is executed."""
        saved = torch.load(Path(__file__).with_name("bestmodel.pth"), map_location=self.device, weights_only=True)
        for (parameter, _), tensor in zip(self.network.param(), saved, strict=True):
            parameter.copy_(tensor)

    def save(self, path: Path) -> None:
        """Write the weights in half precision; the rounding changes predictions by far less than a grey level."""
        torch.save([parameter.half().cpu() for parameter, _ in self.network.param()], path)

    def train(self, train_input: Tensor, train_target: Tensor, num_epochs: int = 10) -> None:
        """Minimise the mean squared error with Adam and a linear learning-rate schedule.

        Augmentation: random horizontal and vertical flips of each batch.
        """
        inputs, targets = check(train_input), check(train_target)
        if inputs.shape != targets.shape:
            raise ValueError(f"inputs {tuple(inputs.shape)} and targets {tuple(targets.shape)} differ in shape")
        scale, started, done = white_value(inputs), time.monotonic(), 0
        loss, optimizer = MSE(), Adam(self.network.param(), LR, betas=(0.9, 0.99))
        with torch.set_grad_enabled(False):
            for epoch in range(num_epochs):
                total, order = 0.0, torch.empty(len(inputs)).uniform_().argsort()
                for indices in order.split(BATCH_SIZE):
                    axes = [axis for axis in (-2, -1) if float(torch.empty(1).uniform_()) < 0.5]
                    x, y = (pad(images[indices].to(self.device).float().div(scale).flip(axes)) for images in (inputs, targets))
                    total += float(loss.forward(self.network.forward(x), y)) * len(indices)
                    optimizer.zero_grad()
                    self.network.backward(loss.backward())
                    optimizer.lr = LR * (1 - done / (num_epochs * len(inputs)))
                    optimizer.step()
                    done += len(indices)
                minutes = (time.monotonic() - started) / 60
                print(f"epoch {epoch + 1} of {num_epochs}: loss {total / len(inputs):.6f}, {minutes:.1f} min", flush=True)

    def predict(self, test_input: Tensor) -> Tensor:
        """Denoise; the mean over the four flips (self-ensemble)."""
        images, scale = check(test_input), white_value(test_input)
        height, width = images.shape[-2:]
        predictions = []
        with torch.set_grad_enabled(False):
            for batch in images.split(256):
                x = pad(batch.to(self.device).float() / scale)
                total = sum(self.network.forward(x.flip(axes)).flip(axes) for axes in ([], [-1], [-2], [-2, -1]))
                predictions.append((total[..., :height, :width] / 4).clamp(0, 1) * scale)
        return torch.cat(predictions).to(test_input.device)


def unet(w: int, device: torch.device) -> Module:
    """A U-Net with two strided levels, skip connections and a residual connection around the whole.

    Args:
        w: features at full resolution, doubled at each lower level.
        device: of the parameters.
    """

    def convolution(channels: int, width: int, stride: int = 1) -> Conv2d:
        return initialise(Conv2d(channels, width, 3, stride, padding=1, device=device))

    def upsampling(channels: int, width: int) -> Upsampling:
        module = Upsampling(channels, width, 3, padding=1, device=device)
        initialise(module.convolution)
        return module

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


def initialise(convolution: Conv2d) -> Conv2d:
    """Normal weights of variance 2 / fan-in (He et al. 2015, eq. 10), zero biases."""
    convolution.weight.normal_(0, (2 / (convolution.weight[0].numel())) ** 0.5)
    convolution.bias.zero_()
    return convolution


def check(images: Tensor) -> Tensor:
    """Return a nonempty batch of images `(N, 3, H, W)`; raise ValueError for anything else."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.numel():
        raise ValueError(f"expected images (N, 3, H, W), at least one; given {tuple(images.shape)}")
    return images


def white_value(images: Tensor) -> float:
    """The value of white: 255 for uint8 and for values above 2, else 1."""
    return 255.0 if images.dtype == torch.uint8 or float(images.max()) > 2 else 1.0


def pad(images: Tensor) -> Tensor:
    """Replicate the last row and column until height and width are multiples of 4."""
    below, right = (-length % 4 for length in images.shape[-2:])
    rows = torch.cat([images] + [images[:, :, -1:]] * below, 2)
    return torch.cat([rows] + [rows[..., -1:]] * right, 3)
