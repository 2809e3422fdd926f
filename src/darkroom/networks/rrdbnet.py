"""RRDBNet: ESRGAN, Enhanced Super-Resolution Generative Adversarial Networks (Wang et al. 2018)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions
from darkroom.networks.srresnet import upsampling_stages

BETA = 0.2
"""Residual scaling (section 3.1)."""


class RRDBNet(RestorationNetwork):
    """Residual-in-residual dense blocks at low resolution: the generator of ESRGAN.

    Conv; `blocks` times RRDB; Conv, added to the first features; log2(scale) times nearest upsampling and Conv + LeakyReLU;
    Conv + LeakyReLU, Conv. 16,697,987 parameters at ×4 with the paper's 23 blocks. Parameters have the names of the public
    checkpoints.

    Args:
        scale: 2, 4 or 8.
        blocks: RRDBs, 23 in the paper.
        width: features, 64 in the paper.
        growth: features that each dense layer adds, 32 in the paper.

    Raises:
        DarkroomError: the scale is not a power of two up to 8.

    Source: Wang et al. 2018, section 3.1 and Figure 4.

    Example:
        >>> RRDBNet(scale=4, blocks=1, width=8, growth=4)(torch.rand(1, 3, 10, 15)).shape
        torch.Size([1, 3, 40, 60])
    """

    def __init__(self, scale: int = 4, blocks: int = 23, width: int = 64, growth: int = 32) -> None:
        super().__init__()
        self.channels, self.scale, self.stages = 3, scale, upsampling_stages(scale)
        self.halo = 15 * blocks + 2 + 4
        self.conv_first = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(RRDB(width, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        for number in range(1, self.stages + 1):
            self.add_module(f"conv_up{number}", nn.Conv2d(width, width, 3, padding=1))
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, 3, 3, padding=1)
        self.activation = nn.LeakyReLU(0.2, inplace=True)

    def initialise(self, generator: torch.Generator) -> "RRDBNet":
        """Draw the weights with a tenth of He's standard deviation (section 3.1, "smaller initialization"); returns the network."""
        initialise_convolutions(self, generator, gain=0.1)
        return self

    def forward(self, low: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height2 width2"]:
        """Super-resolve `low` in [0, 1]; the output is not clipped."""
        first = self.conv_first(low)
        features = first + self.conv_body(self.body(first))
        for number in range(1, self.stages + 1):
            upsampled = nn.functional.interpolate(features, scale_factor=2, mode="nearest")
            features = self.activation(self.get_submodule(f"conv_up{number}")(upsampled))
        return self.conv_last(self.activation(self.conv_hr(features)))


class RRDB(nn.Module):
    """Residual-in-residual dense block: x + β · D₃(D₂(D₁(x))) with dense blocks D."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + BETA * self.rdb3(self.rdb2(self.rdb1(x)))


class DenseBlock(nn.Module):
    """x + β · Conv₅ of five densely connected convolutions: each takes the input and all features before it."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for number in range(1, 6):
            after = growth if number < 5 else width
            self.add_module(f"conv{number}", nn.Conv2d(width + (number - 1) * growth, after, 3, padding=1))
        self.activation = nn.LeakyReLU(0.2, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for number in range(1, 5):
            features = torch.cat([features, self.activation(self.get_submodule(f"conv{number}")(features))], 1)
        return x + BETA * self.get_submodule("conv5")(features)
