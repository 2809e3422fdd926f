"""A small residual network for enlarging photographs: EDSR's layout, made for a CPU."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions
from darkroom.networks.small_unet import Block


class SmallEDSR(RestorationNetwork):
    """Residual blocks at low resolution, one sub-pixel convolution, and every input pixel repeated: x̂ = repeat(y) + shuffle(f(y)).

    Conv; `blocks` times x + Conv(ReLU(Conv(x))), with a residual around all, as in EDSR (Lim et al. 2017, figure 3); then one
    convolution to 3·s² channels and a pixel shuffle, as in ESPCN (Shi et al. 2016), so that no convolution runs at the size of the
    output. Instead of a bicubic enlargement its residual is added to the repeated input pixels, which costs nothing (Du et al.
    2021, Anchor-Based Plain Net). With the defaults 452 thousand parameters and as many multiply-adds a pixel of the input.

    `trunk` is everything but the last convolution; it is the same at every scale.

    Args:
        scale: how many times the sides grow.
        width: features.
        blocks: residual blocks.

    Example:
        >>> SmallEDSR(scale=2, width=8, blocks=1)(torch.rand(1, 3, 10, 15)).shape
        torch.Size([1, 3, 20, 30])
    """

    def __init__(self, scale: int = 2, width: int = 64, blocks: int = 6) -> None:
        super().__init__()
        self.channels, self.scale, self.halo = 3, scale, 2 * blocks + 2
        self.trunk = _Trunk(width, blocks)
        self.tail = nn.Conv2d(width, 3 * scale**2, 3, padding=1)

    def initialise(self, generator: torch.Generator) -> "SmallEDSR":
        """Draw the weights (He et al. 2015); returns the network.

        The last convolution of every block and of the network starts at zero, so that training starts from the repeated pixels.
        """
        initialise_convolutions(self, generator)
        for block in self.trunk.blocks:
            assert isinstance(block, Block)
            nn.init.zeros_(block.second.weight)
        nn.init.zeros_(self.tail.weight)
        return self

    def forward(self, low: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height2 width2"]:
        """Enlarge `low` in [0, 1]; the output is not clipped."""
        repeated = low.repeat_interleave(self.scale**2, dim=1)
        return nn.functional.pixel_shuffle(repeated + self.tail(self.trunk(low)), self.scale)


class _Trunk(nn.Module):
    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))

    def forward(self, low: Tensor) -> Tensor:
        features = self.head(low)
        return features + self.blocks(features)
