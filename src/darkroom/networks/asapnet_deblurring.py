"""ASAPNet's generator with DeblurGAN's global skip."""

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.network import RestorationNetwork
from darkroom.networks.asapnet import UNLIMITED, ASAPNet


class ASAPNetDeblurring(RestorationNetwork):
    """x̂ = clamp(y + f(y)) on images in [−1, 1], where f is ASAPNet on images, with its tanh.

    A pixel of f depends on the colour of the same pixel, its place in a tile, and the tile's parameters: it cannot average over its
    neighbours. So it sharpens by what the low-resolution stream says of a tile, and a wrong tile shows as a dark or bright spot
    with the tile's borders.

    Args:
        octaves, grid, width, downsamplings, depth, pixel_width, pixel_depth: see `ASAPNet`.

    Source: Shaham et al. 2021, section 3; Kupyn et al. 2018, section 3.2, for the skip.

    Example:
        >>> network = ASAPNetDeblurring(octaves=2, grid=8, width=4, downsamplings=2, depth=2, pixel_width=8).eval()
        >>> network(torch.rand(1, 3, 40, 52)).shape
        torch.Size([1, 3, 40, 52])
    """

    channels, halo = 3, UNLIMITED

    def __init__(
        self,
        *,
        octaves: int = 4,
        grid: int = 16,
        width: int = 64,
        downsamplings: int = 4,
        depth: int = 7,
        pixel_width: int = 64,
        pixel_depth: int = 5,
    ) -> None:
        super().__init__()
        self.generator = ASAPNet(
            0,
            octaves=octaves,
            grid=grid,
            width=width,
            downsamplings=downsamplings,
            depth=depth,
            pixel_width=pixel_width,
            pixel_depth=pixel_depth,
        )

    def initialise(self, generator: torch.Generator) -> "ASAPNetDeblurring":
        """Draw the weights; returns the network."""
        self.generator.initialise(generator)
        return self

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height width"]:
        """Deblur images in [0, 1]; the output is in [0, 1]."""
        sharp = 2 * image - 1 + self.generator.generate(image, None)
        return (sharp.clamp(-1, 1) + 1) / 2
