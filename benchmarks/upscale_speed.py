"""Super-resolution ×2 of a 2-megapixel photograph: the restorer, against the same network called directly."""

import torch
from torch import nn

from benchmarks.side_by_side import alternate, show
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.restorer import Restorer
from darkroom.networks.basic_sr import BasicSRModel
from darkroom.networks.safmn import SAFMN


def main() -> None:
    photo = to_float(embedded("heldout")[0])
    photo = nn.functional.interpolate(photo[None], (1224, 1632), mode="bicubic", antialias=True)[0].clamp(0, 1)
    basic = BasicSRModel(residual=True).initialise(generator(0)).eval()

    def directly() -> torch.Tensor:
        with torch.no_grad():
            upscaled = nn.functional.interpolate(photo[None], scale_factor=2, mode="bicubic")
            return (upscaled + basic.layers(upscaled)).clamp(0, 1)

    restorer = Restorer(basic)
    show(
        f"BasicSRModel, 2 megapixels to 8, {torch.get_num_threads()} threads; bfloat16 changes {restorer.psnr_difference:.4f} dB",
        alternate(
            {
                "bicubic and network, called directly": directly,
                f"restorer ({'bf16' if restorer.bf16 else 'float32'}, tiles of {restorer.tile})": lambda: restorer(photo),
            },
            rounds=2,
        ),
        against="bicubic and network, called directly",
    )
    safmn = SAFMN(2).initialise(generator(0)).eval()
    small, tiled = photo[:, :612, :816].contiguous(), Restorer(safmn)

    def untiled() -> torch.Tensor:
        with torch.no_grad():
            return safmn(small[None])

    ways = {
        "called directly, float32": untiled,
        f"restorer ({'bf16' if tiled.bf16 else 'float32'})": lambda: tiled(small),
    }
    show("SAFMN, half a megapixel to 2", alternate(ways, rounds=3), against="called directly, float32")


if __name__ == "__main__":
    main()
