"""SRResNet: Photo-Realistic Single Image Super-Resolution Using a GAN (Ledig et al. 2017)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions
from darkroom.layers.normalization import BatchNorm2d


class SRResNet(RestorationNetwork):
    """Residual blocks at low resolution, then sub-pixel convolutions: the generator of SRGAN.

    Conv 9×9 + PReLU; `blocks` times x + BN(Conv(PReLU(BN(Conv(x))))); Conv + BN, added to the first features; log2(scale) times
    Conv to four times the features, pixel shuffle, PReLU; Conv 9×9 (Figure 4).

    Args:
        scale: 2, 4 or 8.
        blocks: residual blocks, 16 in the paper.
        width: features, 64 in the paper.

    Raises:
        DarkroomError: the scale is not a power of two up to 8.

    Example:
        >>> SRResNet(scale=2, blocks=1, width=8)(torch.rand(1, 3, 10, 15)).shape
        torch.Size([1, 3, 20, 30])
    """

    def __init__(self, scale: int = 4, blocks: int = 16, width: int = 64) -> None:
        super().__init__()
        self.channels, self.scale = 3, scale
        self.halo = 4 + 2 * blocks + 1 + 2 + 4
        self.first = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.after = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), BatchNorm2d(width))
        stages = [
            (nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()) for _ in range(upsampling_stages(scale))
        ]
        self.up = nn.Sequential(*(layer for stage in stages for layer in stage))
        self.last = nn.Conv2d(width, 3, 9, padding=4)

    def initialise(self, generator: torch.Generator) -> "SRResNet":
        """Draw the convolutions' weights (He et al. 2015; biases zero); returns the network."""
        initialise_convolutions(self, generator)
        return self

    def forward(self, low: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height2 width2"]:
        """Super-resolve `low` in [0, 1]; the output is not clipped."""
        first = self.first(low)
        return self.last(self.up(first + self.after(self.body(first))))


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def upsampling_stages(scale: int) -> int:
    """log2 of a scale: the number of ×2 upsampling stages.

    Raises:
        DarkroomError: the scale is not 1, 2, 4 or 8.
    """
    if scale not in (1, 2, 4, 8):
        raise DarkroomError(f"this network upscales by 2, 4 or 8, given --scale {scale}")
    return int(math.log2(scale))
