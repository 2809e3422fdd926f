"""DeblurGAN's generator: Blind Motion Deblurring Using Conditional Adversarial Networks (Kupyn et al. 2018)."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_normal
from darkroom.layers.padding import pad_to_multiple
from darkroom.networks.patch_discriminator import PatchDiscriminator

WHOLE_IMAGE = 1 << 20
"""Halo of a network that normalises over the whole image."""


class DeblurGAN(RestorationNetwork):
    """x̂ = clamp(y + tanh f(y)) on images in [−1, 1]: residual blocks at a quarter of the resolution.

    A 7×7 convolution, two 3×3 convolutions of stride 2, residual blocks, two transposed convolutions, a 7×7 convolution; instance
    normalisation without parameters and ReLU after each but the last. Instance normalisation is over the whole image, so large
    images in tiles differ slightly from the whole image.

    Args:
        width: features at full resolution.
        blocks: residual blocks.
        convolutions: in each block: 2 as in the paper (11.4 million parameters), 1 as in the released code (6.1 million).
        dropout: rate between the convolutions of a block, in training.

    Source: Kupyn et al. 2018, section 3.2 and figure 3.

    Example:
        >>> network = DeblurGAN(width=4, blocks=1).eval()
        >>> network(torch.rand(1, 3, 21, 30)).shape
        torch.Size([1, 3, 21, 30])
    """

    channels, grid, halo = 3, 4, WHOLE_IMAGE

    def __init__(self, width: int = 64, blocks: int = 9, *, convolutions: int = 2, dropout: float = 0.5) -> None:
        super().__init__()
        down = [(width, 2 * width), (2 * width, 4 * width)]
        self.down = nn.Sequential(
            *_normalised(nn.Conv2d(3, width, 7, padding=3, padding_mode="reflect")),
            *(layer for a, b in down for layer in _normalised(nn.Conv2d(a, b, 3, stride=2, padding=1))),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(4 * width, convolutions, dropout) for _ in range(blocks)))
        self.up = nn.Sequential(
            *(
                layer
                for a, b in reversed(down)
                for layer in _normalised(nn.ConvTranspose2d(b, a, 3, stride=2, padding=1, output_padding=1))
            ),
            nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect"),
            nn.Tanh(),
        )

    def initialise(self, generator: torch.Generator) -> "DeblurGAN":
        """Draw the weights from N(0, 0.02²); returns the network."""
        initialise_normal(self, generator)
        return self

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height width"]:
        """Deblur images in [0, 1]; the output is in [0, 1]."""
        height, width = image.shape[-2:]
        blurred = 2 * pad_to_multiple(image, self.grid) - 1
        sharp = blurred + self.up(self.blocks(self.down(blurred)))
        return ((sharp.clamp(-1, 1) + 1) / 2)[..., :height, :width]

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "DeblurGAN | None":
        """Build the network of the released checkpoints, with one or two convolutions a block; None if it is not one.

        Their layers are numbered in one sequence, `model.1.weight` the first and `model.10.conv_block.1.weight` the first of a block; the
        order of the layers is the same.
        """
        first, block = state.get("model.1.weight"), state.get("model.10.conv_block.1.weight")
        if first is None or block is None or first.shape[1:] != (3, 7, 7) or block.shape[2:] != (3, 3):
            return None
        weights = [name for name in state if name.endswith(".weight") and state[name].dim() == 4]
        blocks = len({name.split(".")[1] for name in weights if "conv_block" in name})
        convolutions = sum(name.startswith("model.10.") for name in weights)
        network = cls(len(first), blocks, convolutions=convolutions)
        names = [name.removesuffix(".weight") for name, _ in network.named_parameters() if name.endswith(".weight")]
        if len(names) != len(weights):
            return None
        theirs = sorted((name.removesuffix(".weight") for name in weights), key=_place)
        renamed = {
            f"{ours}.{part}": state[f"{other}.{part}"]
            for ours, other in zip(names, theirs, strict=True)
            for part in ("weight", "bias")
        }
        network.load_state_dict(renamed)
        return network


class ResidualBlock(nn.Module):
    """x + f(x): convolution, instance normalisation, ReLU and dropout, and with two convolutions a further one, normalised."""

    def __init__(self, width: int, convolutions: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(convolutions):
            layers += [nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect"), nn.InstanceNorm2d(width)]
            if number == 0:
                layers += [nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def _normalised(convolution: nn.Module) -> tuple[nn.Module, ...]:
    assert isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d)
    return convolution, nn.InstanceNorm2d(convolution.out_channels), nn.ReLU()


def _place(name: str) -> list[int]:
    """The numbers in a layer's name, which are in the order of the layers."""
    return [int(part) for part in name.split(".") if part.isdecimal()]


class PatchCritic(nn.Module):
    """C: a PatchGAN on images in [0, 1], instance-normalised and without a sigmoid.

    Args:
        width: features of the first layer.

    Source: Kupyn et al. 2018, section 3.2.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.patches = PatchDiscriminator(3, width, affine=False)

    def initialise(self, generator: torch.Generator) -> "PatchCritic":
        """Draw the weights from N(0, 0.02²); returns the network."""
        initialise_normal(self, generator)
        return self

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1 rows columns"]:
        """A number for each patch, high for sharp ones."""
        logits: Tensor = self.patches(2 * image - 1)[0]
        return logits
