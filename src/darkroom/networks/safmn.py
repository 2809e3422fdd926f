"""SAFMN: Spatially-Adaptive Feature Modulation for Efficient Image Super-Resolution (Sun, Dong, Tang, Pan 2023)."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.network import RestorationNetwork

LEVELS = 4
"""Number of scales of the feature modulation: 1, 1/2, 1/4, 1/8."""


class SAFMN(RestorationNetwork):
    """An efficient convolutional network for super-resolution with feature modulation at four scales.

    Conv; `blocks` times a feature mixing block (spatially-adaptive feature modulation, then a convolutional channel mixer, each
    after layer normalisation and with a residual), with a residual around all; Conv to 3·s² channels, pixel shuffle. 228 thousand
    parameters at ×2. Parameters have the names of the public checkpoints.

    At ×2: 38.00 dB on Set5 for 52 G multiply-adds per 1280×720 output, where EDSR-baseline takes 316 G for 37.99 and IMDN 159 G
    for 38.00 (Sun et al. 2023, the table of ×2 results).

    Args:
        scale: 2, 3 or 4.
        width: features, 36 in the paper.
        blocks: 8 in the paper.
        ffn_scale: features of the channel mixer over features of the block.

    Source: Sun et al. 2023, section 3.

    Example:
        >>> SAFMN(scale=2, width=8, blocks=1)(torch.rand(1, 3, 16, 24)).shape
        torch.Size([1, 3, 32, 48])
    """

    def __init__(self, scale: int = 2, width: int = 36, blocks: int = 8, ffn_scale: float = 2.0) -> None:
        super().__init__()
        self.channels, self.scale, self.grid = 3, scale, 2 ** (LEVELS - 1)
        # Receptive field of a block: the coarsest level takes neighbouring cells of 8 pixels, the mixer one pixel more.
        self.halo = 2 + blocks * (2 * 2 ** (LEVELS - 1) + 1)
        self.to_feat = nn.Conv2d(3, width, 3, padding=1)
        self.feats = nn.Sequential(*(MixingBlock(width, ffn_scale) for _ in range(blocks)))
        self.to_img = nn.Sequential(nn.Conv2d(width, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def initialise(self, generator: torch.Generator) -> "SAFMN":
        """Draw the convolutions' weights uniformly in ±1/√(fan in); returns the network."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                bound = module.weight[0].numel() ** -0.5
                nn.init.uniform_(module.weight, -bound, bound, generator=generator)
                if module.bias is not None:
                    nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        return self

    def forward(self, low: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height2 width2"]:
        """Super-resolve `low` in [0, 1]; the output is not clipped."""
        features = self.to_feat(low)
        return self.to_img(features + self.feats(features))

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "SAFMN | None":
        """Build the network of a public SAFMN checkpoint; None if the tensors are not those of a SAFMN."""
        if not {"to_feat.weight", "to_img.0.weight", "feats.0.ccm.ccm.0.weight"} <= state.keys():
            return None
        width, hidden = len(state["to_feat.weight"]), len(state["feats.0.ccm.ccm.0.weight"])
        blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("feats."))
        network = cls(math.isqrt(len(state["to_img.0.weight"]) // 3), width, blocks, hidden / width)
        expected = network.state_dict()
        if expected.keys() != state.keys() or any(expected[name].shape != tensor.shape for name, tensor in state.items()):
            return None
        network.load_state_dict(state)
        return network


class MixingBlock(nn.Module):
    """x + SAFM(norm(x)), then x + CCM(norm(x)) (equation 7)."""

    def __init__(self, width: int, ffn_scale: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = ChannelNorm(width), ChannelNorm(width)
        self.safm = Modulation(width)
        self.ccm = Mixer(width, int(width * ffn_scale))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.safm(self.norm1(x))
        return x + self.ccm(self.norm2(x))


class Modulation(nn.Module):
    """SAFM: a quarter of the features at each of four scales, aggregated, times the input (section 3.1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        share = width // LEVELS
        self.mfr = nn.ModuleList(nn.Conv2d(share, share, 3, padding=1, groups=share) for _ in range(LEVELS))
        self.aggr = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        levels = []
        for level, (part, convolution) in enumerate(zip(x.chunk(LEVELS, dim=1), self.mfr, strict=True)):
            if level:
                pooled = convolution(_reduced(part, level))
                levels.append(nn.functional.interpolate(pooled, (height, width), mode="nearest"))
            else:
                levels.append(convolution(part))
        return nn.functional.gelu(self.aggr(torch.cat(levels, 1))) * x


def _reduced(x: Tensor, level: int) -> Tensor:
    """The maxima of cells of side 2^level; of nearly equal cells where the image's sides are not multiples of it."""
    height, width = x.shape[-2:]
    if height % (1 << level) == 0 and width % (1 << level) == 0:
        return nn.functional.max_pool2d(x, 1 << level)
    return nn.functional.adaptive_max_pool2d(x, (max(1, height >> level), max(1, width >> level)))


class Mixer(nn.Module):
    """CCM: a 3×3 convolution to more features, GELU, and a 1×1 convolution back (section 3.2)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.ccm = nn.Sequential(nn.Conv2d(width, hidden, 3, padding=1), nn.GELU(), nn.Conv2d(hidden, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.ccm(x)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels at every pixel, ε = 1e-6."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        normalised = nn.functional.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, 1e-6)
        return normalised.permute(0, 3, 1, 2)
