"""The U-Net of Noise2Noise: Learning Image Restoration without Clean Data (Lehtinen et al. 2018)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions

DEPTH = 5
"""Number of downsampling stages."""


class Noise2NoiseUNet(RestorationNetwork):
    """A U-Net of 3×3 convolutions with five max poolings, five nearest-neighbour upsamplings and concatenated skips.

    Encoder: two convolutions of `width` features and a pooling, then four times convolution and pooling, and a convolution at
    the bottom. Decoder: upsampling, concatenation with the encoder's features of that size (the input itself at full size), and
    two convolutions of 2·width features, 64 and 32 at full size; a last convolution gives the image, without activation.
    LeakyReLU 0.1 elsewhere. 991,203 parameters in the paper's form. Images of any size are padded to multiples of 32.

    Args:
        channels: 1 for grey, 3 for RGB.
        width: features of the encoder; 48 in the paper.
        residual: the output is added to the input; False in the paper.

    Raises:
        DarkroomError: the width is below 1.

    Source: Lehtinen et al. 2018, appendix A.1 and Table 2; Ronneberger et al. 2015.

    Example:
        >>> Noise2NoiseUNet(channels=3, width=8)(torch.rand(1, 3, 40, 50)).shape
        torch.Size([1, 3, 40, 50])
    """

    def __init__(self, channels: int = 3, width: int = 48, *, residual: bool = False) -> None:
        super().__init__()
        if width < 1:
            raise DarkroomError(f"a U-Net has at least one feature, given --width {width}")
        self.channels, self.grid, self.residual = channels, 2**DEPTH, residual
        # Radius of the receptive field: ±2 cells of 32 pixels at the bottom and ±1 on the way up, less at finer levels.
        self.halo = sum(2**level * 4 for level in range(DEPTH + 1))
        w = width
        self.down = nn.ModuleList([nn.Sequential(_convolution(channels, w), _convolution(w, w))])
        self.down.extend(nn.Sequential(_convolution(w, w)) for _ in range(DEPTH))
        self.up = nn.ModuleList()
        for level in range(DEPTH):
            skip = channels if level == DEPTH - 1 else w
            below = w if level == 0 else 2 * w
            first, second = (64, 32) if level == DEPTH - 1 else (2 * w, 2 * w)
            self.up.append(nn.Sequential(_convolution(below + skip, first), _convolution(first, second)))
        self.last = nn.Conv2d(32, channels, 3, padding=1)

    def initialise(self, generator: torch.Generator) -> "Noise2NoiseUNet":
        """Draw the weights (He et al. 2015); a residual network's last layer starts at zero. Returns the network."""
        initialise_convolutions(self, generator, slope=0.1)
        if self.residual:
            nn.init.zeros_(self.last.weight)
        return self

    def forward(self, noisy: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        """Denoise; the output is not clipped.

        Raises:
            DarkroomError: the number of channels is not the network's.
        """
        if noisy.shape[1] != self.channels:
            raise DarkroomError(f"this U-Net takes {self.channels} channel(s), the image has {noisy.shape[1]}")
        height, width = noisy.shape[-2:]
        x = nn.functional.pad(noisy, (0, -width % self.grid, 0, -height % self.grid), mode="replicate")
        skips = [x]
        for level, block in enumerate(self.down):
            x = block(x)
            if level < DEPTH:
                x = nn.functional.max_pool2d(x, 2)
                skips.append(x)
        skips.pop()
        for block in self.up:
            x = block(torch.cat([nn.functional.interpolate(x, scale_factor=2.0, mode="nearest"), skips.pop()], 1))
        output = self.last(x)[..., :height, :width]
        return noisy + output if self.residual else output


def _convolution(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.1, inplace=True))
