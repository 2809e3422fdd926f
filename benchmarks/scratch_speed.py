"""One training step of the framework without autograd against PyTorch's autograd, the same network, side by side."""

import torch
from torch import nn

from benchmarks.side_by_side import alternate, show
from darkroom.scratch.activation import ReLU, Sigmoid
from darkroom.scratch.convolution import Conv2d
from darkroom.scratch.loss import MSE
from darkroom.scratch.module import Sequential
from darkroom.scratch.optimizer import SGD
from darkroom.scratch.upsampling import Upsampling


def main() -> None:
    x, target = torch.rand(100, 3, 32, 32), torch.rand(100, 3, 32, 32)
    ours = Sequential(
        Conv2d(3, 32, 3, 2, 1, first=True), ReLU(), Conv2d(32, 64, 3, 2, 1), ReLU(), Upsampling(64, 32), ReLU(), Upsampling(32, 3), Sigmoid()
    )  # fmt: skip
    loss, optimizer = MSE(), SGD(ours.param(), 0.1)
    theirs = nn.Sequential(
        nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv2d(64, 32, 3, padding=1), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv2d(32, 3, 3, padding=1), nn.Sigmoid(),
    )  # fmt: skip
    reference = torch.optim.SGD(theirs.parameters(), 0.1)

    def without() -> None:
        with torch.set_grad_enabled(False):
            loss.forward(ours.forward(x), target)
            optimizer.zero_grad()
            ours.backward(loss.backward())
            optimizer.step()

    def autograd() -> None:
        value = nn.functional.mse_loss(theirs(x), target)
        reference.zero_grad()
        value.backward()
        reference.step()

    ways = {"PyTorch with autograd": autograd, "without autograd": without}
    show(
        f"one step, 100 pictures of 3x32x32, {torch.get_num_threads()} threads",
        alternate(ways, rounds=15),
        against="PyTorch with autograd",
    )


if __name__ == "__main__":
    main()
