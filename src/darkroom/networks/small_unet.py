"""A small U-Net of residual blocks for photographs: DRUNet's layout, made for a CPU."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions
from darkroom.layers.padding import pad_to_multiple

STRIDE = 2
"""Side of the cells that pixel unshuffling folds into channels, so that no convolution runs at full resolution."""


class SmallUNet(RestorationNetwork):
    """A U-Net that predicts what is wrong with an image: x̂ = y − R(y).

    The layout is DRUNet's (Zhang, Li, Zuo, Zhang, Van Gool, Timofte 2021, figure 1): residual blocks Conv–ReLU–Conv at every
    scale, strided 2×2 convolutions downwards, transposed ones upwards, skips that are added. Three things differ, all for speed:
    2×2 pixels are unshuffled into channels first (as in FFDNet, Zhang, Zuo, Zhang 2018), there are three scales and few blocks,
    and the input is added to the output. With the default sizes 1.5 million parameters and 72 thousand multiply-adds a pixel,
    where DRUNet takes 32.6 million and 2.2 million.

    Args:
        channels: 1 for grey, 3 for RGB.
        widths: features at 1/2, 1/4 and 1/8 of the resolution; any number of scales.
        encoder: residual blocks at each scale on the way down; the last entry is the coarsest scale's.
        decoder: residual blocks at each scale but the coarsest, on the way up, listed from fine to coarse.

    Raises:
        DarkroomError: the numbers of scales differ.

    Example:
        >>> network = SmallUNet(widths=(8, 16, 24)).initialise(torch.Generator().manual_seed(0))
        >>> network(torch.rand(1, 3, 37, 50)).shape
        torch.Size([1, 3, 37, 50])
    """

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] = (48, 96, 160),
        encoder: Sequence[int] = (1, 1, 2),
        decoder: Sequence[int] = (2, 1),
    ) -> None:
        super().__init__()
        if len(encoder) != len(widths) or len(decoder) != len(widths) - 1:
            raise DarkroomError(
                f"a U-Net of {len(widths)} widths has as many entries in encoder and one fewer in decoder, "
                f"given {len(encoder)} and {len(decoder)}"
            )
        scales = len(widths)
        self.channels, self.grid = channels, STRIDE * 2 ** (scales - 1)
        self.halo = _halo(encoder, decoder)
        folded = channels * STRIDE**2
        self.head = nn.Conv2d(folded, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(_blocks(width, count) for width, count in zip(widths, encoder, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(widths[n], widths[n + 1], 2, stride=2) for n in range(scales - 1))
        self.up = nn.ModuleList(nn.ConvTranspose2d(widths[n + 1], widths[n], 2, stride=2) for n in range(scales - 1))
        self.decoder = nn.ModuleList(_blocks(width, count) for width, count in zip(widths, decoder, strict=False))
        self.tail = nn.Conv2d(widths[0], folded, 3, padding=1)

    def initialise(self, generator: torch.Generator) -> "SmallUNet":
        """Draw the weights (He et al. 2015); returns the network.

        The last convolution of every residual block and of the network starts at zero, so that training starts from x̂ = y.
        """
        initialise_convolutions(self, generator)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=module.weight.shape[0] ** -0.5, generator=generator)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            elif isinstance(module, Block):
                nn.init.zeros_(module.second.weight)
        nn.init.zeros_(self.tail.weight)
        return self

    def forward(self, image: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        """Restore an image in [0, 1]; the output is not clipped."""
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.grid)
        features = self.head(nn.functional.pixel_unshuffle(padded, STRIDE))
        skips = []
        for blocks, down in zip(self.encoder, self.down, strict=False):
            features = blocks(features)
            skips.append(features)
            features = down(features)
        features = self.encoder[-1](features)
        for blocks, up in zip(reversed(self.decoder), reversed(self.up), strict=True):
            features = blocks(skips.pop() + up(features))
        residual = nn.functional.pixel_shuffle(self.tail(features), STRIDE)
        return image - residual[..., :height, :width]


class Block(nn.Module):
    """x + Conv(ReLU(Conv(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(nn.functional.relu(self.first(x)))


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(count)))


def _halo(encoder: Sequence[int], decoder: Sequence[int]) -> int:
    """Radius of the receptive field in pixels, at most: every 3×3 convolution adds the cell of its scale, every change of scale one."""
    cells = [STRIDE * 2**scale for scale in range(len(encoder))]
    reach = sum(2 * count * cell for count, cell in zip(encoder, cells, strict=True))
    reach += sum(2 * count * cell for count, cell in zip(decoder, cells, strict=False))
    return reach + 2 * cells[0] + cells[-1]
