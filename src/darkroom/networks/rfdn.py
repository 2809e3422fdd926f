"""RFDN: Residual Feature Distillation Network for Lightweight Image Super-Resolution (Liu, Tang, Wu 2020)."""

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

_SMALLEST = 15
"""Side of the smallest image whose half, without a border, holds a window of the attention's pooling; others are padded."""


class RFDN(RestorationNetwork):
    """A light convolutional network for super-resolution, in which 1×1 convolutions distil features at every step.

    Conv; `blocks` residual feature distillation blocks (`Distillation`), whose outputs are concatenated and reduced by a 1×1
    convolution; Conv with a residual around all; Conv to 3·s² channels, pixel shuffle. Parameters have the names of the public
    checkpoint, the winner of the AIM 2020 challenge on efficient super-resolution at ×4: 433,448 parameters, 4 blocks with
    enhanced spatial attention. (The paper's tables are of 6 blocks of 48 features with the attention of IMDN, 550 thousand; its
    weights are not public.) The attention interpolates over the whole image, so tiles are an approximation.

    Args:
        scale: 4 for the public checkpoint.
        width: features, 50 in the public checkpoint.
        blocks: 4 in the public checkpoint.
        value_range: images are multiplied by it before the first convolution and divided after the last; 255 for the public
            checkpoint.

    Source: Liu et al. 2020, sections 3.2–3.4; Zhang et al. 2020, AIM 2020 Challenge on Efficient Super-Resolution.

    Example:
        >>> RFDN(scale=2, width=16, blocks=2)(torch.rand(1, 3, 16, 24)).shape
        torch.Size([1, 3, 32, 48])
    """

    def __init__(self, scale: int = 4, width: int = 50, blocks: int = 4, *, value_range: float = 1.0) -> None:
        super().__init__()
        self.channels, self.scale, self.halo, self.value_range = 3, scale, WHOLE_IMAGE, value_range
        self.fea_conv = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = [f"B{number}" for number in range(1, blocks + 1)]
        for name in self.blocks:
            self.add_module(name, Distillation(width))
        self.c = nn.Sequential(nn.Conv2d(width * blocks, width, 1), nn.LeakyReLU(_SLOPE))
        self.LR_conv = nn.Conv2d(width, width, 3, padding=1)
        self.upsampler = nn.Sequential(nn.Conv2d(width, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, low: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height2 width2"]:
        """Super-resolve `low` in [0, 1]; the output is not clipped."""
        height, width = low.shape[2:]
        padded = nn.functional.pad(low, (0, max(0, _SMALLEST - width), 0, max(0, _SMALLEST - height)), mode="replicate")
        shallow = self.fea_conv(padded * self.value_range)
        outputs = [shallow]
        for name in self.blocks:
            outputs.append(self.get_submodule(name)(outputs[-1]))
        high = self.upsampler(self.LR_conv(self.c(torch.cat(outputs[1:], 1))) + shallow) / self.value_range
        return high[:, :, : self.scale * height, : self.scale * width]

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "RFDN | None":
        """Build the network of a public RFDN checkpoint; None if the tensors are not those of one.

        Whether its images are in [0, 1] or in [0, 255] is found by a test image.

        Raises:
            DarkroomError: it upscales the test image in neither way.
        """
        if not {"fea_conv.weight", "upsampler.0.weight", "B1.c1_d.weight", "B1.esa.conv1.weight"} <= state.keys():
            return None
        scale, width = math.isqrt(len(state["upsampler.0.weight"]) // 3), len(state["fea_conv.weight"])
        blocks = sum(name.startswith("B") and name.endswith(".c1_d.weight") for name in state)
        candidates: dict[str, RestorationNetwork] = {}
        for words, value_range in (("with images in [0, 1]", 1.0), ("with images in [0, 255]", 255.0)):
            network = cls(scale, width, blocks, value_range=value_range)
            if not matches(network, state):
                return None
            network.load_state_dict(state)
            candidates[words] = network
        return by_test_image(candidates, "RFDN")  # type: ignore[return-value]


class Distillation(nn.Module):
    """RFDB: a 1×1 convolution distils half of the features, and a shallow residual block refines them, three times (figure 2c).

        dᵢ = L(conv₁ₓ₁(rᵢ₋₁)),   rᵢ = L(conv(rᵢ₋₁) + rᵢ₋₁),   r₀ = x,   d₄ = L(conv(r₃))
        ESA(conv₁ₓ₁([d₁, d₂, d₃, d₄]))

    where L is a leaky ReLU.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        kept = width // 2
        self.c1_d, self.c2_d, self.c3_d = (nn.Conv2d(width, kept, 1) for _ in range(3))
        self.c1_r, self.c2_r, self.c3_r = (nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.c4 = nn.Conv2d(width, kept, 3, padding=1)
        self.c5 = nn.Conv2d(4 * kept, width, 1)
        self.esa = SpatialAttention(width)

    def forward(self, x: Tensor) -> Tensor:
        kept, rest = [], x
        for distil, refine in ((self.c1_d, self.c1_r), (self.c2_d, self.c2_r), (self.c3_d, self.c3_r)):
            kept.append(nn.functional.leaky_relu(distil(rest), _SLOPE))
            rest = nn.functional.leaky_relu(refine(rest) + rest, _SLOPE)
        kept.append(nn.functional.leaky_relu(self.c4(rest), _SLOPE))
        return self.esa(self.c5(torch.cat(kept, 1)))


class SpatialAttention(nn.Module):
    """ESA: each pixel and channel times a weight in (0, 1), computed at a sixth of the resolution (Liu et al. 2020, RFANet)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = width // 4
        self.conv1 = nn.Conv2d(width, hidden, 1)
        self.conv_f = nn.Conv2d(hidden, hidden, 1)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, stride=2)
        self.conv_max, self.conv3, self.conv3_ = (nn.Conv2d(hidden, hidden, 3, padding=1) for _ in range(3))
        self.conv4 = nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.conv1(x)
        coarse = nn.functional.max_pool2d(self.conv2(reduced), kernel_size=7, stride=3)
        coarse = self.conv3_(self.conv3(self.conv_max(coarse).relu()).relu())
        fine = nn.functional.interpolate(coarse, x.shape[2:], mode="bilinear", align_corners=False)
        return x * self.conv4(fine + self.conv_f(reduced)).sigmoid()
