"""BasicSRModel: bilinear upscaling followed by convolutions, a plain network for super-resolution."""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions
from darkroom.operators.resample import upscale


class BasicSRModel(RestorationNetwork):
    """Bilinear upscaling, then 3×3 convolutions with LeakyReLU (0.01) between them, at full resolution.

    One convolution 3 → `channels`, `blocks` of `channels` → `channels`, one `channels` → 3: 372,803 parameters with the
    defaults. With `residual`, their output is added to the upscaled image.

    Args:
        blocks: convolutions in the middle.
        channels: features of the hidden layers.
        residual: predict the difference between the image and its bilinear upscaling.
        scale: how many times the sides grow.

    Source: the design of SRCNN (Dong, Loy, He, Tang 2016) with more layers; the residual is that of VDSR (Kim, Lee, Lee 2016).

    Example:
        >>> BasicSRModel(blocks=2, channels=8, scale=2)(torch.rand(1, 3, 10, 15)).shape
        torch.Size([1, 3, 20, 30])
    """

    def __init__(self, blocks: int = 10, channels: int = 64, *, residual: bool = False, scale: int = 2) -> None:
        super().__init__()
        self.channels, self.scale, self.residual = 3, scale, residual
        self.halo = -(-(blocks + 2) // scale) + 1
        widths = [3, *[channels] * (blocks + 1)]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 3, 3, padding=1))

    def initialise(self, generator: torch.Generator) -> "BasicSRModel":
        """Draw the convolutions' weights (He et al. 2015), the last layer's times 0.1; returns the network."""
        initialise_convolutions(self, generator, slope=0.01)
        last = self.layers[-1]
        assert isinstance(last, nn.Conv2d)
        with torch.no_grad():
            last.weight.mul_(0.1)
        return self

    def forward(self, low: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height2 width2"]:
        """Super-resolve `low` in [0, 1]; the output is not clipped."""
        upscaled = upscale(low, self.scale, "bilinear")
        output = self.layers(upscaled)
        return upscaled + output if self.residual else output
