"""A network called directly in float32 against the restorer in each precision, on one CPU thread; processor time, and what int8 loses."""

import time

import torch

from benchmarks.side_by_side import alternate, show
from darkroom.core.images import to_float
from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.int8 import for_precision
from darkroom.engine.restorer import Restorer
from darkroom.networks.dncnn import DnCNN
from darkroom.operators.noise import Gaussian
from darkroom.recipes import trained


def main() -> None:
    torch.set_num_threads(1)
    networks: dict[str, RestorationNetwork] = {
        "DnCNN-17, grey": _dncnn(1, 17),
        "DnCNN-20, colour": _dncnn(3, 20),
        "denoise, of the package": trained.network(trained.weights_path("denoise")),
    }
    for name, network in networks.items():
        clean = to_float(embedded("heldout", grey=network.channels == 1)[0][:, :256, :256])
        noisy = Gaussian(25.0)(clean, generator(2))[0]
        begun = time.perf_counter()
        prepared = for_precision(network, "int8", torch.device("cpu"))
        print(f"\n{name}: int8 is there after {time.perf_counter() - begun:.1f} s; {prepared.arithmetic}")

        def directly(network: RestorationNetwork = network, noisy: torch.Tensor = noisy) -> torch.Tensor:
            with torch.no_grad():
                return network(noisy[None])

        ways = {"called directly, float32": directly}
        for words, restorer in (
            ("restorer, float32", Restorer(network, precision="32")),
            ("restorer, bfloat16", Restorer(network, precision="bf16")),
            ("restorer, int8", Restorer(prepared)),
        ):
            ways[words] = lambda r=restorer, x=noisy: r(x)
        title = f"{name}, 256x256, 1 thread, processor time"
        show(title, alternate(ways, clock=time.process_time), against="called directly, float32")


def _dncnn(channels: int, depth: int) -> DnCNN:
    """With random weights: speed does not depend on them."""
    network = DnCNN(channels, 64, depth).initialise(generator(0)).eval()
    torch.nn.init.normal_(network.layers[-1].weight, std=1e-3, generator=generator(1))
    return network


if __name__ == "__main__":
    main()
