"""A training step of the framework without autograd against PyTorch's, and the effect of each optimisation."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from benchmarks.side_by_side import alternate, show
from darkroom.scratch.activation import ReLU, Sigmoid
from darkroom.scratch.convolution import Conv2d
from darkroom.scratch.loss import MSE
from darkroom.scratch.module import Sequential
from darkroom.scratch.optimizer import SGD
from darkroom.scratch.upsampling import Upsampling

AUTOGRAD = "PyTorch with autograd"


def main() -> None:
    steps = {
        AUTOGRAD: autograd(),
        "without autograd": without_autograd(),
        "… and without the polyphase form": without_autograd(polyphase=False),
        "… and with the gradient of the input": without_autograd(polyphase=False, needs_input_grad=True),
    }
    show(f"one step, 100 images of 3x32x32, {torch.get_num_threads()} threads", alternate(steps, rounds=15), against=AUTOGRAD)
    print("\npeak memory of ten steps, less the memory of the process before them")
    increase = {name: int(_in_a_new_process(name)) for name in ("autograd", "without autograd")}
    for name, kilobytes in increase.items():
        print(f"  {name:44s} {kilobytes / 1024:10.1f} MiB   {kilobytes / increase['autograd']:6.2f} x")


def without_autograd(*, polyphase: bool = True, needs_input_grad: bool = False) -> Callable[[], None]:
    x, target = _data()
    up = (Upsampling(64, 32), Upsampling(32, 3))
    for module in up:
        module.polyphase = polyphase
    down = (Conv2d(3, 32, 3, 2, 1, needs_input_grad=needs_input_grad), Conv2d(32, 64, 3, 2, 1))
    network, loss = Sequential(down[0], ReLU(), down[1], ReLU(), up[0], ReLU(), up[1], Sigmoid()), MSE()
    optimizer = SGD(network.param(), 0.1)

    def step() -> None:
        with torch.set_grad_enabled(False):
            loss.forward(network.forward(x), target)
            optimizer.zero_grad()
            network.backward(loss.backward())
            optimizer.step()

    return step


def autograd() -> Callable[[], None]:
    x, target = _data()
    down = (nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU())
    up = [(nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1)) for a, b in ((64, 32), (32, 3))]
    network = nn.Sequential(*down, *up[0], nn.ReLU(), *up[1], nn.Sigmoid())
    optimizer = torch.optim.SGD(network.parameters(), 0.1)

    def step() -> None:
        value = nn.functional.mse_loss(network(x), target)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return step


def _data() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(100, 3, 32, 32), torch.rand(100, 3, 32, 32)


def _in_a_new_process(name: str) -> str:
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.scratch_speed", name], capture_output=True, text=True, check=True
    )
    return process.stdout


def _measure(name: str) -> None:
    step = {"autograd": autograd, "without autograd": without_autograd}[name]()
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    before = _status("VmRSS")
    for _ in range(10):
        step()
    print(_status("VmHWM") - before)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    _measure(sys.argv[1]) if len(sys.argv) > 1 else main()
