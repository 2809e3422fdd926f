"""NAFNet: Simple Baselines for Image Restoration (Chen, Chu, Zhang, Sun 2022)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions
from darkroom.layers.padding import pad_to_multiple

WHOLE_IMAGE = 1 << 20
"""Halo of a network that pools over the whole image."""


class NAFNet(RestorationNetwork):
    """A U-Net without nonlinear activations: x̂ = y + f(y).

    Every block gates one half of its features by the other (SimpleGate) and weighs channels by their mean over the image
    (simplified channel attention); scales are changed by 2×2 convolutions with stride 2, and by 1×1 convolutions with a pixel
    shuffle. The number of features doubles with every scale.

    | | width | encoder | middle | decoder | parameters |
    |---|---|---|---|---|---|
    | GoPro (deblurring), the defaults | 32 or 64 | 1, 1, 1, 28 | 1 | 1, 1, 1, 1 | 17.1 M, 67.9 M |
    | SIDD (denoising) | 32 or 64 | 2, 2, 4, 8 | 12 | 2, 2, 2, 2 | 29.2 M, 116.0 M |

    The channel attention's mean is over whatever the network is given, so large images in tiles differ slightly from the whole
    image, and whole images from the patches that it was trained on (Chu et al. 2022, Improving Image Restoration by Revisiting
    Global Information Aggregation). Parameters have the names of the public checkpoints.

    Args:
        width: features at full resolution.
        encoder: blocks at each scale on the way down.
        middle: blocks at the coarsest scale.
        decoder: blocks at each scale on the way up, listed from coarse to fine.
        channels: 1 for grey, 3 for RGB.

    Raises:
        DarkroomError: encoder and decoder differ in their number of scales.

    Source: Chen et al. 2022, figures 2 and 3 and section 5.

    Example:
        >>> network = NAFNet(width=8, encoder=(1, 1), decoder=(1, 1)).initialise(torch.Generator().manual_seed(0))
        >>> network(torch.rand(1, 3, 21, 30)).shape
        torch.Size([1, 3, 21, 30])
    """

    def __init__(
        self,
        width: int = 32,
        encoder: Sequence[int] = (1, 1, 1, 28),
        middle: int = 1,
        decoder: Sequence[int] = (1, 1, 1, 1),
        channels: int = 3,
    ) -> None:
        super().__init__()
        if len(encoder) != len(decoder):
            raise DarkroomError(
                f"NAFNet goes up as many scales as it goes down, given {len(encoder)} encoder and {len(decoder)} decoder scales"
            )
        self.channels, self.grid, self.halo = channels, 2 ** len(encoder), WHOLE_IMAGE
        widths = [width << scale for scale in range(len(encoder) + 1)]
        self.intro = nn.Conv2d(channels, width, 3, padding=1)
        self.encoders = nn.ModuleList(_blocks(c, count) for c, count in zip(widths, encoder, strict=False))
        self.downs = nn.ModuleList(nn.Conv2d(c, 2 * c, 2, stride=2) for c in widths[:-1])
        self.middle_blks = _blocks(widths[-1], middle)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, 2 * c, 1, bias=False), nn.PixelShuffle(2)) for c in reversed(widths[1:])
        )
        self.decoders = nn.ModuleList(_blocks(c, count) for c, count in zip(reversed(widths[:-1]), decoder, strict=True))
        self.ending = nn.Conv2d(width, channels, 3, padding=1)

    def initialise(self, generator: torch.Generator) -> "NAFNet":
        """Draw the convolutions' weights (He et al. 2015; biases zero); returns the network.

        The residuals of all blocks begin with weight 0 (β and γ), and so does the last convolution: training starts from x̂ = y.
        """
        initialise_convolutions(self, generator, gain=0.5**0.5)  # without ReLU nothing halves the variance
        nn.init.zeros_(self.ending.weight)
        return self

    def forward(self, image: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        """Restore an image in [0, 1]; the output is not clipped."""
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.grid)
        features = self.intro(padded)
        skips = []
        for blocks, down in zip(self.encoders, self.downs, strict=True):
            features = blocks(features)
            skips.append(features)
            features = down(features)
        features = self.middle_blks(features)
        for blocks, up in zip(self.decoders, self.ups, strict=True):
            features = blocks(up(features) + skips.pop())
        return (padded + self.ending(features))[..., :height, :width]


class NAFBlock(nn.Module):
    """Two residuals, each after layer normalisation: gated depthwise convolution with channel attention, and a gated 1×1 layer.

    x ← x + β · Conv₁(SCA(SimpleGate(DConv₃(Conv₁(LN(x)))))), then x ← x + γ · Conv₁(SimpleGate(Conv₁(LN(x)))): figure 3 (c).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = LayerNorm2d(width), LayerNorm2d(width)
        self.conv1 = nn.Conv2d(width, 2 * width, 1)
        self.conv2 = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, width, 1))
        self.conv3 = nn.Conv2d(width, width, 1)
        self.conv4 = nn.Conv2d(width, 2 * width, 1)
        self.conv5 = nn.Conv2d(width, width, 1)
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        gated = simple_gate(self.conv2(self.conv1(self.norm1(x))))
        x = x + self.beta * self.conv3(gated * self.sca(gated))
        return x + self.gamma * self.conv5(simple_gate(self.conv4(self.norm2(x))))


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels at every pixel, ε = 1e-6."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        last = x.permute(0, 2, 3, 1)
        return nn.functional.layer_norm(last, self.weight.shape, self.weight, self.bias, 1e-6).permute(0, 3, 1, 2)


def simple_gate(x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch half height width"]:
    """SimpleGate(X, Y) = X ⊙ Y of the two halves of the features (equation 4)."""
    first, second = x.chunk(2, dim=1)
    return first * second


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(NAFBlock(width) for _ in range(count)))
