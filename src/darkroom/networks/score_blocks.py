"""Blocks of score networks: embeddings of the noise level, residual blocks, attention, and resampling."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.layers.fir import fir_down, fir_filter, fir_up

Block = Literal["ddpm", "biggan"]
Direction = Literal["down", "up"]

Features = Float[Tensor, "batch channel height width"]
Output = Float[Tensor, "batch new_channel new_height new_width"]
Code = Float[Tensor, "batch code"]


class FourierEmbedding(nn.Module):
    """[sin 2πwv, cos 2πwv] of a number v, with frequencies w drawn once from N(0, 16²) (Tancik et al. 2020)."""

    frequencies: Tensor

    def __init__(self, width: int, scale: float = 16.0) -> None:
        super().__init__()
        self.features, self.scale = 2 * width, scale
        self.register_buffer("frequencies", torch.zeros(width))
        self.draw(torch.Generator().manual_seed(0))

    def draw(self, generator: torch.Generator) -> None:
        """Draw the frequencies."""
        with torch.no_grad():
            self.frequencies.copy_(self.scale * torch.randn(self.frequencies.shape, generator=generator))

    def forward(self, number: Float[Tensor, " batch"]) -> Code:
        phase = 2 * math.pi * number[:, None] * self.frequencies
        return torch.cat([phase.sin(), phase.cos()], 1)


class PositionalEmbedding(nn.Module):
    """[sin wv, cos wv] of a number v, with frequencies w from 1 to 1/10000, evenly spaced in log (Vaswani et al. 2017)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.features = width // 2 * 2

    def forward(self, number: Float[Tensor, " batch"]) -> Code:
        half = self.features // 2
        frequencies = torch.exp(torch.arange(half, device=number.device) * (-math.log(10_000) / max(half - 1, 1)))
        phase = number[:, None] * frequencies
        return torch.cat([phase.sin(), phase.cos()], 1)


def normalisation(features: int) -> nn.GroupNorm:
    """Group normalisation with min(features / 4, 32) groups and ε = 1e-6; fewer groups where they do not divide the features."""
    groups = max(1, min(features // 4, 32))
    while features % groups:
        groups -= 1
    return nn.GroupNorm(groups, features, eps=1e-6)


class Convolution(nn.Conv2d):
    """A convolution with weights of 0 until its network is initialised.

    Args:
        inputs, outputs: features.
        side: of the kernel.
        stride: of the kernel.
        padding: by default half the side.
        gain: factor of the initial weights, 0 for the last one of a residual branch.
    """

    def __init__(
        self, inputs: int, outputs: int, side: int = 3, *, stride: int = 1, padding: int | None = None, gain: float = 1.0
    ) -> None:
        super().__init__(inputs, outputs, side, stride, side // 2 if padding is None else padding)
        self.gain = gain

    def reset_parameters(self) -> None:
        """Nothing is drawn here: `NCSNpp.initialise` does that, and networks of 10⁸ weights are built twice as fast."""
        nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class ResidualBlock(nn.Module):
    """x + conv(dropout(act(norm(conv(act(norm(x))) + linear(code))))), resampled within where `direction` says so.

    Args:
        inputs, outputs: features.
        code: features of the noise level's embedding, after its activation.
        direction: resample the branch before its first convolution, and x.
        fir: with the filter [1 3 3 1]; otherwise by means, and by nearest neighbours.
        rescale: divide the sum by √2.
        dropout: probability.

    Source: Ho et al. 2020, appendix B; Brock et al. 2019, figure 15, for resampling within.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        code: int,
        *,
        direction: Direction | None = None,
        fir: bool = False,
        rescale: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.direction, self.fir, self.rescale = direction, fir, rescale
        self.norm1, self.norm2 = normalisation(inputs), normalisation(outputs)
        self.conv1, self.conv2 = Convolution(inputs, outputs), Convolution(outputs, outputs, gain=0.0)
        self.code = nn.Linear(code, outputs)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = Convolution(inputs, outputs, 1) if inputs != outputs or direction else nn.Identity()

    def forward(self, x: Features, code: Code) -> Output:
        branch = nn.functional.silu(self.norm1(x))
        if self.direction:
            branch, x = (_resampled(features, self.direction, self.fir) for features in (branch, x))
        branch = self.conv1(branch) + self.code(code)[:, :, None, None]
        branch = self.conv2(self.dropout(nn.functional.silu(self.norm2(branch))))
        return skip(self.shortcut(x), branch, self.rescale)


class AttentionBlock(nn.Module):
    """x + linear(softmax(QKᵀ/√C) V), one head over all pixels (Ho et al. 2020, appendix B)."""

    def __init__(self, features: int, rescale: bool) -> None:
        super().__init__()
        self.rescale, self.norm = rescale, normalisation(features)
        self.queries_keys_values = Convolution(features, 3 * features, 1)
        self.leave = Convolution(features, features, 1, gain=0.0)

    def forward(self, x: Features) -> Features:
        q, k, v = self.queries_keys_values(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, dim=-1)
        seen = nn.functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        return skip(x, self.leave(seen.transpose(1, 2).reshape(x.shape)), self.rescale)


class AttendingBlock(nn.Module):
    """A residual block, and attention after it if there is any."""

    def __init__(self, block: ResidualBlock, attention: AttentionBlock | None) -> None:
        super().__init__()
        self.block, self.attention = block, attention

    def forward(self, x: Features, code: Code) -> Output:
        x = self.block(x, code)
        return x if self.attention is None else self.attention(x)


class ConvolutionalResampling(nn.Module):
    """Half the resolution by a strided convolution, or twice by nearest neighbours and a convolution; `fir` filters as well.

    Going down, the filter is applied at the full resolution, as by StyleGAN2's `conv_downsample_2d`.
    """

    def __init__(self, inputs: int, outputs: int, direction: Direction, fir: bool) -> None:
        super().__init__()
        self.direction, self.fir = direction, fir
        stride = 2 if direction == "down" else 1
        self.convolution = Convolution(inputs, outputs, stride=stride, padding=0 if direction == "down" else 1)

    def forward(self, x: Features, code: Code | None = None) -> Output:
        if self.direction == "up":
            return self.convolution(_resampled(x, "up", self.fir))
        return self.convolution(fir_filter(x) if self.fir else nn.functional.pad(x, (0, 1, 0, 1)))


def skip(x: Tensor, branch: Tensor, rescale: bool) -> Tensor:
    """x + branch, divided by √2 if `rescale`."""
    return (x + branch) * math.sqrt(0.5) if rescale else x + branch


def _resampled(x: Tensor, direction: Direction, fir: bool) -> Tensor:
    if direction == "down":
        return fir_down(x) if fir else nn.functional.avg_pool2d(x, 2)
    return fir_up(x) if fir else nn.functional.interpolate(x, scale_factor=2, mode="nearest")
