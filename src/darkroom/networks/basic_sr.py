"""BasicSRModel: enlarge first, then convolve; the plain network that super-resolution is taught with."""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions
from darkroom.operators.resample import enlarge


class BasicSRModel(RestorationNetwork):
    """Bilinear enlargement, then 3×3 convolutions with LeakyReLU (0.01) between them, at full resolution.

    One convolution 3 → `channels`, `blocks` of `channels` → `channels`, one `channels` → 3: 372,803 trained numbers
    with the defaults. With `residual`, what they give is added to the enlarged image.

    Args:
        blocks: convolutions in the middle.
        channels: features of the hidden layers.
        residual: predict what the enlarged image lacks.
        factor: how many times the image is enlarged.

    Source: the design of SRCNN (Dong, Loy, He, Tang 2016), made deeper; the residual is VDSR's (Kim, Lee, Lee 2016).
    """

    def __init__(self, blocks: int = 10, channels: int = 64, *, residual: bool = False, factor: int = 2) -> None:
        super().__init__()
        self.channels, self.scale, self.residual = 3, factor, residual
        self.halo = -(-(blocks + 2) // factor) + 1
        widths = [3, *[channels] * (blocks + 1)]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 3, 3, padding=1))

    def initialise(self, generator: torch.Generator) -> "BasicSRModel":
        """Draw the convolutions' weights anew (He et al. 2015), the last layer's at a tenth; returns the network."""
        initialise_convolutions(self, generator, slope=0.01)
        last = self.layers[-1]
        assert isinstance(last, nn.Conv2d)
        with torch.no_grad():
            last.weight.mul_(0.1)
        return self

    def forward(self, low: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height2 width2"]:
        """Enlarge; `low` in [0, 1], the answer not clipped."""
        enlarged = enlarge(low, self.scale, "bilinear")
        answer = self.layers(enlarged)
        return enlarged + answer if self.residual else answer
