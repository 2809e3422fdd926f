"""The generators of pix2pixHD (Wang, Liu, Zhu, Tao, Kautz, Catanzaro 2018): a global one, and a local enhancer around it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from darkroom.layers.initialization import initialise_normal
from darkroom.layers.instance_norm import InstanceNorm2d
from darkroom.layers.label_convolution import LabelConvolution
from darkroom.networks.translation import Source, TranslationNetwork


class GlobalGenerator(TranslationNetwork):
    """G1: convolutions down to 1/16 of the resolution, residual blocks there, and transposed convolutions back.

    c7s1-64, d128, d256, d512, d1024, 9 × R1024, u512, u256, u128, u64, c7s1-3 in the paper's words, with instance normalisation
    (without affine parameters), reflection padding, and tanh. 182.5 million parameters with 35 labels and edges.

    Args:
        labels, edges: see `TranslationNetwork`.
        width: features of the first layer.
        downsamplings: number of strided convolutions; 4 in the paper.
        blocks: residual blocks; 9 in the paper.

    Source: Wang et al. 2018, section 3.2 and appendix.

    Example:
        >>> network = GlobalGenerator(labels=5, edges=True, width=4, downsamplings=2, blocks=1)
        >>> network(torch.zeros(1, 1, 32, 48, dtype=torch.long), torch.ones(1, 1, 32, 48, dtype=torch.long)).shape
        torch.Size([1, 3, 32, 48])
    """

    def __init__(self, labels: int, *, edges: bool = False, width: int = 64, downsamplings: int = 4, blocks: int = 9) -> None:
        super().__init__(labels, edges=edges)
        self.multiple = 2**downsamplings
        widths = [width * 2**level for level in range(downsamplings + 1)]
        self.first = _first(labels, edges, width)
        self.features = nn.Sequential(
            *_normalised(width),
            *(layer for before in widths[:-1] for layer in _down(before)),
            *(ResidualBlock(widths[-1]) for _ in range(blocks)),
            *(layer for after in reversed(widths[:-1]) for layer in _up(after)),
        )
        self.image = _to_image(width)

    def initialise(self, generator: torch.Generator) -> "GlobalGenerator":
        """Draw the weights; returns the network."""
        initialise_normal(self, generator)
        return self

    def generate(
        self, source: Source, instances: Int[Tensor, "batch 1 height width"] | None
    ) -> Float[Tensor, "batch 3 height width"]:
        return self.image(self.features(self.first(source, instances)))


class LocalEnhancer(TranslationNetwork):
    """G2 around G1: the global generator at half the resolution, whose features join those of convolutions at the full one.

    c7s1-32, d64, plus the features of G1 (without its last convolution), 3 × R64, u32, c7s1-3.

    Args:
        labels, edges: see `TranslationNetwork`.
        width: features of the first layer; the global generator has twice as many.
        downsamplings, blocks: of the global generator.
        local_blocks: residual blocks at half the resolution; 3 in the paper.

    Source: Wang et al. 2018, section 3.2 and Figure 3.
    """

    def __init__(
        self,
        labels: int,
        *,
        edges: bool = False,
        width: int = 32,
        downsamplings: int = 4,
        blocks: int = 9,
        local_blocks: int = 3,
    ) -> None:
        super().__init__(labels, edges=edges)
        whole = GlobalGenerator(labels, edges=edges, width=2 * width, downsamplings=downsamplings, blocks=blocks)
        self.multiple = 2 * whole.multiple
        self.whole_first, self.whole = nn.Conv2d(self.channels, 2 * width, 7, padding=3, padding_mode="reflect"), whole.features
        self.first = _first(labels, edges, width)
        self.local = nn.Sequential(*_normalised(width), *_down(width))
        self.joined = nn.Sequential(*(ResidualBlock(2 * width) for _ in range(local_blocks)), *_up(width), _to_image(width))

    def initialise(self, generator: torch.Generator) -> "LocalEnhancer":
        """Draw the weights; returns the network."""
        initialise_normal(self, generator)
        return self

    def generate(
        self, source: Source, instances: Int[Tensor, "batch 1 height width"] | None
    ) -> Float[Tensor, "batch 3 height width"]:
        half = avg_pool2d(self.encoded(source, instances), 3, stride=2, padding=1, count_include_pad=False)
        return self.joined(self.local(self.first(source, instances)) + self.whole(self.whole_first(half)))


class ResidualBlock(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3×3 with reflection padding."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect"),
            InstanceNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect"),
            InstanceNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def _first(labels: int, edges: bool, width: int) -> LabelConvolution:
    """c7s1: a 7×7 convolution."""
    return LabelConvolution(labels, edges, width, kernel_size=7, padding=3, padding_mode="reflect")


def _normalised(width: int) -> list[nn.Module]:
    return [InstanceNorm2d(width), nn.ReLU(inplace=True)]


def _down(width: int) -> list[nn.Module]:
    """d: half the resolution, twice the features."""
    return [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), *_normalised(2 * width)]


def _up(width: int) -> list[nn.Module]:
    """u: twice the resolution, half the features; `width` is their number afterwards."""
    transposed = nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1)
    return [transposed, *_normalised(width)]


def _to_image(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect"), nn.Tanh())
