"""The ResNet generator and discriminator of SNGAN for CIFAR-10 (Miyato, Kataoka, Koyama, Yoshida 2018)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu
from torch.nn.utils.parametrizations import spectral_norm

from darkroom.core.errors import DarkroomError
from darkroom.layers.spectral import initialise_spectral

BOTTOM = 4
"""Side of the generator's first features."""

GAIN = 2**0.5
"""Of the 3×3 convolutions within residual blocks; 1 elsewhere."""


def doublings(size: int) -> int:
    """How often 4 is doubled to give the side of an image.

    Raises:
        DarkroomError: no number of times.
    """
    count = (size // BOTTOM).bit_length() - 1
    if count < 1 or BOTTOM << count != size:
        raise DarkroomError(f"this generator makes images of 8, 16, 32, 64 … pixels a side, not of {size}")
    return count


class Generator(nn.Module):
    """A linear layer to 4×4 features, residual blocks that double the side, a convolution to pixels.

    4,276,739 parameters for CIFAR-10. Batch normalisation before every rectifier of a block; tanh at the end, mapped to [0, 1].

    Args:
        channels: of the image.
        size: side of the image: 8, 16, 32, 64 …
        width: features throughout.
        latent: values of z.

    Source: Miyato et al. 2018, Table 4 (a) and Figure 9 (a).

    Example:
        >>> Generator(1, 8, width=8, latent=5)(torch.randn(2, 5)).shape
        torch.Size([2, 1, 8, 8])
    """

    def __init__(self, channels: int = 3, size: int = 32, width: int = 256, latent: int = 128) -> None:
        super().__init__()
        self.latent = latent
        self.first = nn.Linear(latent, width * BOTTOM**2)
        self.blocks = nn.Sequential(*(UpBlock(width) for _ in range(doublings(size))))
        self.norm = nn.BatchNorm2d(width)
        self.last = nn.Conv2d(width, channels, 3, padding=1)

    def initialise(self, generator: torch.Generator) -> "Generator":
        """Draw the weights from Glorot's uniform distribution; returns the network."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                within = name.startswith("blocks") and "shortcut" not in name
                nn.init.xavier_uniform_(module.weight, GAIN if within else 1.0, generator=generator)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        return self

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels height width"]:
        """G(z): images in [0, 1]."""
        x = self.blocks(self.first(z).unflatten(1, (-1, BOTTOM, BOTTOM)))
        return (self.last(relu(self.norm(x))).tanh() + 1) / 2


class UpBlock(nn.Module):
    """x ↦ up(shortcut(x)) + f(x) with f: normalise, rectify, double the side, convolve, normalise, rectify, convolve.

    The paper doubles the side before the shortcut's 1×1 convolution; in this order the result is the same at a quarter of the cost.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.convolutions = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.shortcut = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.convolutions[0](interpolate(relu(self.norms[0](x)), scale_factor=2))
        h = self.convolutions[1](relu(self.norms[1](h)))
        return h + interpolate(self.shortcut(x), scale_factor=2)


class Discriminator(nn.Module):
    """Residual blocks that halve the side to 8, two that do not, and the sum over pixels to a logit; spectral normalisation throughout.

    1,053,825 parameters for CIFAR-10: two blocks that halve the side, and two that do not. Images of 8×8 are halved once.

    Args:
        channels: of the image.
        size: side of the image: 8, 16, 32, 64 …
        width: features throughout.

    Source: Miyato et al. 2018, Table 4 (b).

    Example:
        >>> Discriminator(1, 8, width=8)(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2])
    """

    def __init__(self, channels: int = 3, size: int = 32, width: int = 128) -> None:
        super().__init__()
        halvings = max(doublings(size) - 1, 1)
        self.blocks = nn.Sequential(
            DownBlock(channels, width, halve=True, first=True),
            *(DownBlock(width, width, halve=number < halvings) for number in range(1, halvings + 2)),
        )
        self.last = spectral_norm(nn.Linear(width, 1))

    def initialise(self, generator: torch.Generator) -> "Discriminator":
        """Draw the weights, and the vectors of the power iterations; returns the network."""
        initialise_spectral(self, generator, deviation=0.04)  # about Glorot's of a hidden convolution, times `GAIN`
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        return self

    def forward(self, image: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        """d(x) of images in [0, 1]: a logit, high for real ones."""
        return self.last(relu(self.blocks(2 * image - 1)).sum((2, 3)))[:, 0]


class DownBlock(nn.Module):
    """x ↦ shortcut(x) + f(x) with f: rectify (but not the image), convolve, rectify, convolve; then both may be halved in side.

    Without halving the shortcut is the identity. Means over 2×2 pixels are taken before the shortcut's 1×1 convolution, which does not
    change the result.
    """

    def __init__(self, channels: int, width: int, *, halve: bool, first: bool = False) -> None:
        super().__init__()
        self.halve, self.first = halve, first
        self.convolutions = nn.ModuleList(spectral_norm(nn.Conv2d(before, width, 3, padding=1)) for before in (channels, width))
        self.shortcut = spectral_norm(nn.Conv2d(channels, width, 1)) if halve else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.convolutions[0](x if self.first else relu(x))
        h = self.convolutions[1](relu(h))
        return self.shortcut(avg_pool2d(x, 2)) + avg_pool2d(h, 2) if self.halve else x + h
