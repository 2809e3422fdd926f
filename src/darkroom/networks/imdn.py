"""IMDN: Lightweight Image Super-Resolution with Information Multi-Distillation Network (Hui, Gao, Yang, Wang 2019)."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.network import RestorationNetwork
from darkroom.networks.convention import by_test_image
from darkroom.networks.matching import matches

WHOLE_IMAGE = 1 << 20
"""Halo of a network whose receptive field is the whole image."""

_SLOPE = 0.05
_REDUCTION = 16
"""Features over hidden features of the channel attention."""


class IMDN(RestorationNetwork):
    """A light convolutional network for super-resolution: blocks that split off a quarter of their features at every step.

    Conv; `blocks` information multi-distillation blocks (`Distillation`), whose outputs are concatenated and reduced by a 1×1
    convolution; Conv with a residual around all; Conv to 3·s² channels, pixel shuffle. Parameters have the names of the public
    checkpoints: 694 thousand at ×2, 703 at ×3, 715 at ×4. The channel attention takes means over the whole image, so tiles are
    an approximation.

    Args:
        scale: 2, 3 or 4.
        width: features, 64 in the paper.
        blocks: 6 in the paper.
        value_range: images are multiplied by it before the first convolution and divided after the last.

    Source: Hui et al. 2019, section 3.

    Example:
        >>> IMDN(scale=2, width=16, blocks=2)(torch.rand(1, 3, 16, 24)).shape
        torch.Size([1, 3, 32, 48])
    """

    def __init__(self, scale: int = 2, width: int = 64, blocks: int = 6, *, value_range: float = 1.0) -> None:
        super().__init__()
        self.channels, self.scale, self.halo, self.value_range = 3, scale, WHOLE_IMAGE, value_range
        self.fea_conv = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = [f"IMDB{number}" for number in range(1, blocks + 1)]
        for name in self.blocks:
            self.add_module(name, Distillation(width))
        self.c = nn.Sequential(nn.Conv2d(width * blocks, width, 1), nn.LeakyReLU(_SLOPE))
        self.LR_conv = nn.Conv2d(width, width, 3, padding=1)
        self.upsampler = nn.Sequential(nn.Conv2d(width, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, low: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height2 width2"]:
        """Super-resolve `low` in [0, 1]; the output is not clipped."""
        shallow = self.fea_conv(low * self.value_range)
        outputs = [shallow]
        for name in self.blocks:
            outputs.append(self.get_submodule(name)(outputs[-1]))
        return self.upsampler(self.LR_conv(self.c(torch.cat(outputs[1:], 1))) + shallow) / self.value_range

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "IMDN | None":
        """Build the network of a public IMDN checkpoint; None if the tensors are not those of one.

        Whether its images are in [0, 1] or in [0, 255] is found by a test image.

        Raises:
            DarkroomError: it upscales the test image in neither way.
        """
        if not {"fea_conv.weight", "upsampler.0.weight", "IMDB1.c1.weight"} <= state.keys():
            return None
        scale, width = math.isqrt(len(state["upsampler.0.weight"]) // 3), len(state["fea_conv.weight"])
        blocks = sum(name.startswith("IMDB") and name.endswith(".c1.weight") for name in state)
        candidates: dict[str, RestorationNetwork] = {}
        for words, value_range in (("with images in [0, 1]", 1.0), ("with images in [0, 255]", 255.0)):
            network = cls(scale, width, blocks, value_range=value_range)
            if not matches(network, state):
                return None
            network.load_state_dict(state)
            candidates[words] = network
        return by_test_image(candidates, "IMDN")  # type: ignore[return-value]


class Distillation(nn.Module):
    """IMDB: three times, a quarter of the features is kept and the others are refined (figure 2).

        [d₁, r₁] = split(L(x)),   [d₂, r₂] = split(L(r₁)),   [d₃, r₃] = split(L(r₂)),   d₄ = conv(r₃)
        x + conv₁ₓ₁(CCA([d₁, d₂, d₃, d₄]))

    where L is a 3×3 convolution and a leaky ReLU.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        kept = width // 4
        self.split = (kept, width - kept)
        self.c1 = nn.Conv2d(width, width, 3, padding=1)
        self.c2 = nn.Conv2d(width - kept, width, 3, padding=1)
        self.c3 = nn.Conv2d(width - kept, width, 3, padding=1)
        self.c4 = nn.Conv2d(width - kept, kept, 3, padding=1)
        self.c5 = nn.Conv2d(4 * kept, width, 1)
        self.cca = ContrastAttention(4 * kept)

    def forward(self, x: Tensor) -> Tensor:
        kept, rest = [], x
        for convolution in (self.c1, self.c2, self.c3):
            distilled, rest = nn.functional.leaky_relu(convolution(rest), _SLOPE).split(self.split, dim=1)
            kept.append(distilled)
        return x + self.c5(self.cca(torch.cat([*kept, self.c4(rest)], 1)))


class ContrastAttention(nn.Module):
    """CCA: each channel times a weight in (0, 1) that is computed from the channels' means plus standard deviations (eq. 8)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = max(1, width // _REDUCTION)
        self.conv_du = nn.Sequential(nn.Conv2d(width, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, width, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        return x * self.conv_du(variance.sqrt() + mean)
