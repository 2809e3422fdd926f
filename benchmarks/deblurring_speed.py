"""Generators of blind deblurring side by side: one photograph, batch 1, one thread; parameters and processor time."""

from functools import partial
from time import process_time

import torch

from benchmarks.side_by_side import alternate, show
from darkroom.core.randomness import generator
from darkroom.engine.fit import count_parameters
from darkroom.networks.asapnet_deblurring import ASAPNetDeblurring
from darkroom.networks.deblurgan import DeblurGAN
from darkroom.networks.kernel_net import KernelNet
from darkroom.networks.nafnet import NAFNet

SIDE = 256
BASELINE = "DeblurGAN, as in the paper"


def main() -> None:
    torch.set_num_threads(1)
    networks = {
        BASELINE: DeblurGAN(),
        "DeblurGAN, as in the released code": DeblurGAN(convolutions=1),
        "ASAPNet": ASAPNetDeblurring(),
        "NAFNet-32": NAFNet(32, (1, 1, 1, 28), 1, (1, 1, 1, 1)),
        "KernelNet, the kernels alone": KernelNet(),
    }
    image = torch.rand(1, 3, SIDE, SIDE, generator=generator(0)).contiguous(memory_format=torch.channels_last)
    ways = {}
    for name, network in networks.items():
        network.initialise(generator(0)).eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        ways[f"{name} ({count_parameters(network) / 1e6:.1f} M)"] = partial(network, image)
    with torch.inference_mode():
        title = f"{SIDE}x{SIDE}, processor time of one thread, {torch.backends.cpu.get_cpu_capability()}"
        show(title, alternate(ways, rounds=3, clock=process_time), against=next(iter(ways)))
