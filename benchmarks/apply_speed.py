"""The restorer of `darkroom apply` against the same network called directly; tiled against untiled."""

import torch

from benchmarks.side_by_side import alternate, show
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.restorer import Restorer
from darkroom.networks.dncnn import DnCNN
from darkroom.operators.noise import Gaussian


def main() -> None:
    for channels, depth in ((1, 17), (3, 20)):
        network = DnCNN(channels, 64, depth).initialise(generator(0)).eval()
        torch.nn.init.normal_(network.layers[-1].weight, std=1e-3, generator=generator(1))
        clean = to_float(embedded("heldout", grey=channels == 1)[0][:, :256, :256])
        noisy = Gaussian(25.0)(clean, generator(2))[0]
        restorer, exact = Restorer(network), Restorer(network, precision="32")

        def directly(network: DnCNN = network, noisy: torch.Tensor = noisy) -> torch.Tensor:
            with torch.no_grad():
                return network(noisy[None])

        ways = {
            "called directly, float32": directly,
            "restorer, float32": lambda r=exact, x=noisy: r(x),
            f"restorer, auto ({'bf16' if restorer.bf16 else 'float32'})": lambda r=restorer, x=noisy: r(x),
        }
        title = f"DnCNN-{depth}, {channels} channel(s), 256x256, {torch.get_num_threads()} threads; bfloat16 changes {restorer.psnr_difference:.4f} dB"
        show(title, alternate(ways), against="called directly, float32")
    large = to_float(embedded("heldout")[0]).repeat(1, 2, 2)
    whole, tiled = Restorer(network, memory=8 << 30), Restorer(network, memory=128 << 20)
    ways = {"untiled": lambda: whole(large), f"in tiles of {tiled.tile}": lambda: tiled(large)}
    show("DnCNN-20 colour, 1024x1024", alternate(ways, rounds=3), against="untiled")


if __name__ == "__main__":
    main()
