"""ASAPNet: Spatially-Adaptive Pixelwise Networks for Fast Image Translation (Shaham, Gharbi, Zhang, Shechtman, Michaeli 2021)."""

import math
from itertools import pairwise

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_normal
from darkroom.layers.instance_norm import InstanceNorm2d
from darkroom.layers.label_convolution import LabelConvolution
from darkroom.layers.pixelwise import SLOPE, PixelwiseNetworks
from darkroom.networks.translation import Source, TranslationNetwork

UNLIMITED = 1 << 20
"""Halo of a network whose instance normalisation sees all of an image; larger than any image."""


class SpatiallyAdaptive(nn.Module):
    """A convolutional network at low resolution that predicts the parameters of a pixelwise network for every tile.

    The side of the tiles is the power of two that divides the shorter side of an image into about `grid` tiles, and at least
    2^downsamplings: so the low-resolution stream is given images of about the same size whatever the resolution is.

    Args:
        first: the first convolution, 7×7.
        pixelwise: the pixelwise networks.
        grid: number of tiles along the shorter side.
        width: features of the first convolution; they double with every downsampling.
        downsamplings: number of strided convolutions.
        depth: number of 3×3 convolutions, the strided ones included.
    """

    def __init__(
        self, first: nn.Conv2d, pixelwise: PixelwiseNetworks, *, grid: int, width: int, downsamplings: int, depth: int
    ) -> None:
        super().__init__()
        self.first, self.pixelwise, self.grid, self.factor = first, pixelwise, grid, 2**downsamplings
        widths = [width * 2 ** min(level, downsamplings) for level in range(depth + 1)]
        layers = [InstanceNorm2d(width, affine=True), nn.ReLU(inplace=True)]
        for level, (before, after) in enumerate(pairwise(widths)):
            layers.append(nn.Conv2d(before, after, 3, stride=2 if level < downsamplings else 1, padding=1, bias=False))
            layers += [InstanceNorm2d(after, affine=True), nn.ReLU(inplace=True)]
        self.stream = nn.Sequential(*layers)
        self.predict = nn.ModuleList(nn.Linear(widths[-1], number) for number in pixelwise.numbers)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights.

        The predicted networks begin with weights of variance 2 / (fan in), as those of an ordinary network: half of it is the
        bias of the prediction, common to all tiles, and half depends on the tile. Their biases begin with 0.

        Source: Chang, Flokas, Lipson 2020 (Principled Weight Initialization for Hypernetworks), section 4, for such scales.
        """
        initialise_normal(self, generator)
        pixelwise = self.pixelwise
        for layer, (before, after) in zip(self.predict, pixelwise.layers(), strict=True):
            assert isinstance(layer, nn.Linear)
            # Of the first layer's inputs one label is not zero, and 4 · octaves waves of mean square 1/2.
            active = 1 + 2 * pixelwise.octaves if pixelwise.labels and layer is self.predict[0] else before
            variance = 2 / ((1 + SLOPE**2) * active)
            weights = slice(before * after)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            with torch.no_grad():  # a feature after a ReLU has the mean square 1/2
                layer.weight[weights].normal_(std=math.sqrt(variance / layer.in_features), generator=generator)
                layer.bias[weights].normal_(std=math.sqrt(variance / 2), generator=generator)

    def side(self, height: int, width: int) -> int:
        """Side of the tiles of an image, in pixels.

        Raises:
            DarkroomError: the image is smaller than two tiles.
        """
        if max(height, width) < 2 * self.factor:
            raise DarkroomError(
                f"this network takes images of at least {2 * self.factor} pixels a side, given {width}x{height}"
            )
        return max(self.factor, 2 ** round(math.log2(max(1, min(height, width) / self.grid))))

    def low(self, x: Shaped[Tensor, "batch c height width"], side: int) -> Shaped[Tensor, "batch c low_height low_width"]:
        """What the low-resolution stream is given of an input, for tiles of this side: of ids the nearest, of images the mean."""
        factor = side // self.factor
        if x.is_floating_point():
            return avg_pool2d(x, factor) if factor > 1 else x
        return x[..., factor // 2 :: factor, factor // 2 :: factor]

    def forward(
        self, pixels: Shaped[Tensor, "batch c height width"], *low: Shaped[Tensor, "batch _ low_height low_width"]
    ) -> Float[Tensor, "batch outputs height width"]:
        """Predict the networks from `low`, the arguments of the first convolution, and apply them to `pixels`."""
        features = self.stream(self.first(*low)).permute(0, 2, 3, 1)
        return self.pixelwise([predict(features) for predict in self.predict], pixels)


class ASAPNet(TranslationNetwork):
    """A generator whose full-resolution part is one small perceptron for each tile.

    Low-resolution stream: a 7×7 convolution, and seven 3×3 ones from 64 to 1024 features of which the first four halve the
    resolution, with instance normalisation and ReLU; then a linear map to the parameters of each tile's perceptron: five layers
    of 64 features, leaky ReLU, tanh. With 35 labels and tiles of 16 pixels these are 16,003 numbers. The edges of instances are
    given to the low-resolution stream only. Images of any size: where a side is no multiple of a tile, its last pixels are repeated.

    Args:
        labels, edges: see `TranslationNetwork`.
        octaves: of the positional encoding; log₂ of the side of a tile in training images, 4 for 256×512.
        grid: number of tiles along the shorter side of an image; 16 in the paper.
        width: features of the first convolution.
        downsamplings, depth: number of strided and of all 3×3 convolutions.
        pixel_width, pixel_depth: features and layers of the perceptrons.

    Source: Shaham et al. 2021, section 3; Figure 3.

    Example:
        >>> network = ASAPNet(labels=5, octaves=3, grid=4, width=4, downsamplings=3, depth=4, pixel_width=8)
        >>> [tuple(network(torch.zeros(1, 1, *size, dtype=torch.long)).shape) for size in ((32, 32), (75, 100))]
        [(1, 3, 32, 32), (1, 3, 75, 100)]
    """

    def __init__(
        self,
        labels: int,
        *,
        edges: bool = False,
        octaves: int = 4,
        grid: int = 16,
        width: int = 64,
        downsamplings: int = 4,
        depth: int = 7,
        pixel_width: int = 64,
        pixel_depth: int = 5,
    ) -> None:
        super().__init__(labels, edges=edges)
        first = LabelConvolution(labels, edges, width, kernel_size=7, padding=3, padding_mode="reflect", bias=False)
        pixelwise = PixelwiseNetworks(labels=labels, octaves=octaves, width=pixel_width, depth=pixel_depth)
        self.networks = SpatiallyAdaptive(first, pixelwise, grid=grid, width=width, downsamplings=downsamplings, depth=depth)

    def initialise(self, generator: torch.Generator) -> "ASAPNet":
        """Draw the weights; returns the network."""
        self.networks.initialise(generator)
        return self

    def require(self, source: Tensor) -> None:
        super().require(source)
        self.networks.side(*source.shape[-2:])

    def generate(
        self, source: Source, instances: Int[Tensor, "batch 1 height width"] | None
    ) -> Float[Tensor, "batch 3 height width"]:
        height, width = source.shape[-2:]
        side = self.networks.side(height, width)
        given = [extended(x, side) for x in (source, instances) if x is not None]
        pixels = given[0] if self.labels else 2 * given[0] - 1
        image = self.networks(pixels, *(self.networks.low(x, side) for x in given))
        return image[..., :height, :width].tanh()


class ASAPNetDenoiser(RestorationNetwork):
    """The same networks as a denoiser: from a noisy image and a constant map of its noise level to the noise, which is subtracted.

    A denoised pixel depends on its own noisy value, its place in a tile, and through the tile's parameters on the low-resolution
    stream; not on its neighbours at full resolution.

    Args:
        grid, width, downsamplings, depth, octaves, pixel_width, pixel_depth: see `ASAPNet`.

    Example:
        >>> network = ASAPNetDenoiser(octaves=2, grid=8, width=4, downsamplings=2, depth=2, pixel_width=8).eval()
        >>> network(torch.rand(1, 3, 40, 52), torch.tensor([0.1])).shape
        torch.Size([1, 3, 40, 52])
    """

    channels, halo, noise_conditional = 3, UNLIMITED, True

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
        first = nn.Conv2d(4, width, 7, padding=3, padding_mode="reflect", bias=False)
        pixelwise = PixelwiseNetworks(channels=4, octaves=octaves, width=pixel_width, depth=pixel_depth)
        self.networks = SpatiallyAdaptive(first, pixelwise, grid=grid, width=width, downsamplings=downsamplings, depth=depth)

    def initialise(self, generator: torch.Generator) -> "ASAPNetDenoiser":
        """Draw the weights; returns the network."""
        self.networks.initialise(generator)
        return self

    def forward(
        self, image: Float[Tensor, "batch 3 height width"], sigma: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Denoise images in [0, 1]; `sigma` is in their units. The output is not clipped."""
        height, width = image.shape[-2:]
        level = sigma.to(image)[:, None, None, None].expand(-1, 1, height, width)
        side = self.networks.side(height, width)
        given = extended(torch.cat([2 * image - 1, level], 1), side)
        noise = self.networks(given, self.networks.low(given, side))
        return image - sigma.to(image)[:, None, None, None] * noise[..., :height, :width]


def extended(x: Shaped[Tensor, "b c h w"], multiple: int) -> Shaped[Tensor, "b c h2 w2"]:
    """An image or a label map whose last row and column are repeated, so that both sides are multiples of `multiple`.

    Example:
        >>> extended(torch.tensor([[[[1, 2, 3]]]]), 2).tolist()
        [[[[1, 2, 3, 3], [1, 2, 3, 3]]]]
    """
    for axis in (2, 3):
        missing = -x.shape[axis] % multiple
        if missing:
            x = torch.cat([x, *[x.narrow(axis, x.shape[axis] - 1, 1)] * missing], axis)
    return x
