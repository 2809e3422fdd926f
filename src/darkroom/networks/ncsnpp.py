"""One U-Net for score models, whose switches lead from DDPM (Ho et al. 2020) to DDPM++ and NCSN++ (Song et al. 2021)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.networks.score_blocks import (
    AttendingBlock,
    AttentionBlock,
    Block,
    Convolution,
    ConvolutionalResampling,
    Direction,
    FourierEmbedding,
    PositionalEmbedding,
    ResidualBlock,
    normalisation,
    skip,
)

Images = Float[Tensor, "batch channel height width"]


class NCSNpp(nn.Module):
    """A U-Net of residual blocks with self-attention, conditioned on the noise level.

    At every resolution `blocks` residual blocks lead down and `blocks` + 1 lead up, each of them concatenated with its partner's
    output; two blocks with attention between them are at the bottom. The switches, and their values in the papers:

    | | DDPM | DDPM++ | NCSN++ |
    |---|---|---|---|
    | block | ddpm | biggan | biggan |
    | blocks | 2 | 4 (deep: 8) | 4 (deep: 8) |
    | rescale | no | yes | yes |
    | fir | no | no | yes |
    | progressive_input | no | no | yes |
    | embedding | positional | positional | fourier |

    For CIFAR-10 (width 128) these have 35.7, 61.8 and 62.8 million parameters.

    Args:
        channels: of the images.
        size: side of the images in training; it tells which resolutions have attention.
        width: features at the full resolution.
        multipliers: features at each resolution, as multiples of `width`; every next one has half the side.
        blocks: residual blocks at each resolution.
        attention: sides of the resolutions with self-attention.
        block: "ddpm" resamples between blocks, by convolutions; "biggan" within blocks.
        fir: resample with the filter [1 3 3 1] rather than by nearest neighbours, means or strides.
        progressive_input: add the downsampled input to the features at every resolution ("residual" in the paper).
        rescale: divide every sum of a skip connection by √2.
        embedding: of the noise level: "fourier" for log σ, "positional" for a number from 0 to 999.
        dropout: in residual blocks, in training.

    Raises:
        DarkroomError: the sides of the resolutions are not whole numbers.

    Source: Song et al. 2021, section 4.4 and appendix H; Ho et al. 2020, appendix B; Brock et al. 2019 for the "biggan" block.

    Example:
        >>> network = NCSNpp(channels=1, size=8, width=8, multipliers=(1, 2), blocks=1, attention=(4,))
        >>> network(torch.rand(2, 1, 8, 8), torch.tensor([0.1, 3.0]).log()).shape
        torch.Size([2, 1, 8, 8])
    """

    def __init__(
        self,
        channels: int = 3,
        size: int = 32,
        width: int = 128,
        multipliers: Sequence[int] = (1, 2, 2, 2),
        blocks: int = 4,
        attention: Sequence[int] = (16,),
        *,
        block: Block = "biggan",
        fir: bool = True,
        progressive_input: bool = True,
        rescale: bool = True,
        embedding: Literal["fourier", "positional"] = "fourier",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.cell = 2 ** (len(multipliers) - 1)
        if size % self.cell:
            raise DarkroomError(
                f"images of {size}x{size} cannot be halved {len(multipliers) - 1} times: choose other multipliers"
            )
        self.channels, self.size, self.rescale = channels, size, rescale
        code = FourierEmbedding(width) if embedding == "fourier" else PositionalEmbedding(width)
        self.embedding = nn.Sequential(
            code, nn.Linear(code.features, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width), nn.SiLU()
        )
        make = _Blocks(4 * width, block, fir, rescale, dropout)
        sides = [size >> level for level in range(len(multipliers))]
        features, kept = width, [width]
        self.enter, self.down, self.up = Convolution(channels, width), nn.ModuleList(), nn.ModuleList()
        for level, multiplier in enumerate(multipliers):
            stage = _Down(rescale)
            for _ in range(blocks):
                stage.blocks.append(make.block(features, multiplier * width, sides[level] in attention))
                features = multiplier * width
                kept.append(features)
            if level + 1 < len(multipliers):
                stage.resampling = make.resampling(features, "down")
                if progressive_input:
                    inputs = multipliers[level - 1] * width if level else channels
                    stage.pyramid = ConvolutionalResampling(inputs, features, "down", fir)
                kept.append(features)
            self.down.append(stage)
        self.middle = nn.ModuleList([make.block(features, features, True), make.block(features, features, False)])
        for level, multiplier in reversed(list(enumerate(multipliers))):
            way_up = _Up()
            for number in range(blocks + 1):
                # On the way up, DDPM has attention after each block, and the others at the end of a resolution.
                attends = sides[level] in attention and (block == "ddpm" or number == blocks)
                way_up.blocks.append(make.block(features + kept.pop(), multiplier * width, attends))
                features = multiplier * width
            if level:
                way_up.resampling = make.resampling(features, "up")
            self.up.append(way_up)
        self.leave = nn.Sequential(normalisation(features), nn.SiLU(), Convolution(features, channels, gain=0.0))

    def initialise(self, generator: torch.Generator) -> "NCSNpp":
        """Draw weights uniformly with the variance 1 / (mean of fan in and fan out); returns the network.

        The last layer of every block, of attention and of the network begins at 0; Fourier frequencies are drawn too.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(module.weight)
                bound = getattr(module, "gain", 1.0) * math.sqrt(6 / (fan_in + fan_out))
                nn.init.uniform_(module.weight, -bound, bound, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, FourierEmbedding):
                module.draw(generator)
        return self

    def forward(self, x: Images, condition: Float[Tensor, " batch"]) -> Images:
        """A map of the size of x, which a score is made of (`methods.preconditioning`).

        Args:
            x: noisy images, of about unit range; sides that can be halved as often as the network does.
            condition: log σ, or a number from 0 to 999; see `embedding`.
        """
        if x.shape[-1] % self.cell or x.shape[-2] % self.cell:
            raise DarkroomError(
                f"this network takes images whose sides are multiples of {self.cell}, given {x.shape[-1]}x{x.shape[-2]}"
            )
        code = self.embedding(condition)
        features, pyramid = self.enter(x), x
        kept = [features]
        for stage in self.down:
            further, pyramid = stage(kept[-1], pyramid, code)
            kept += further
        features = kept[-1]
        for block in self.middle:
            features = block(features, code)
        for stage in self.up:
            features = stage(features, kept, code)
        return self.leave(features)


class _Down(nn.Module):
    """The blocks of one resolution, and what leads to half of it."""

    def __init__(self, rescale: bool) -> None:
        super().__init__()
        self.rescale, self.blocks = rescale, nn.ModuleList()
        self.resampling: nn.Module | None = None
        self.pyramid: nn.Module | None = None

    def forward(self, features: Tensor, pyramid: Tensor, code: Tensor) -> tuple[list[Tensor], Tensor]:
        """The output of every block, and the input at the next resolution."""
        kept = []
        for block in self.blocks:
            features = block(features, code)
            kept.append(features)
        if self.resampling is not None:
            features = self.resampling(features, code)
            if self.pyramid is not None:
                features = pyramid = skip(self.pyramid(pyramid), features, self.rescale)
            kept.append(features)
        return kept, pyramid


class _Up(nn.Module):
    """The blocks of one resolution, and what leads to twice of it."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        self.resampling: nn.Module | None = None

    def forward(self, features: Tensor, kept: list[Tensor], code: Tensor) -> Tensor:
        """Every block takes the last of the kept outputs, and removes it from the list."""
        for block in self.blocks:
            features = block(torch.cat([features, kept.pop()], 1), code)
        return features if self.resampling is None else self.resampling(features, code)


@dataclass(frozen=True)
class _Blocks:
    """Makes blocks of one network."""

    code: int
    kind: Block
    fir: bool
    rescale: bool
    dropout: float

    def block(self, inputs: int, outputs: int, attends: bool) -> nn.Module:
        block = ResidualBlock(inputs, outputs, self.code, rescale=self.rescale, dropout=self.dropout)
        return AttendingBlock(block, AttentionBlock(outputs, self.rescale) if attends else None)

    def resampling(self, features: int, direction: Direction) -> nn.Module:
        if self.kind == "ddpm":
            return ConvolutionalResampling(features, features, direction, self.fir)
        return ResidualBlock(
            features,
            features,
            self.code,
            direction=direction,
            fir=self.fir,
            rescale=self.rescale,
            dropout=self.dropout,
        )
