"""DCGAN: a generator and a discriminator of strided convolutions (Radford, Metz, Chintala 2016)."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.layers.initialization import initialise_normal
from darkroom.networks.sngan import doublings


class Generator(nn.Module):
    """Transposed convolutions from 1×1 to 4×4, and on to twice the side each, with batch normalisation and ReLU; tanh to [0, 1].

    3,576,704 parameters for RGB images of 64×64 with 64 features at half the resolution and 100 latents. Kernels are 4×4 as in public
    code, where the paper draws 5×5.

    Args:
        channels: of the image.
        size: side of the image: 8, 16, 32, 64 …
        width: features at half the resolution; each next coarser one has twice as many.
        latent: values of z.

    Source: Radford et al. 2016, section 3 and Figure 1.

    Example:
        >>> Generator(1, 8, width=8, latent=5)(torch.randn(2, 5)).shape
        torch.Size([2, 1, 8, 8])
    """

    def __init__(self, channels: int = 3, size: int = 64, width: int = 64, latent: int = 100) -> None:
        super().__init__()
        self.latent = latent
        widths = [width << level for level in reversed(range(doublings(size)))]
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, widths[0], 4, bias=False)]
        for before, after in zip(widths, [*widths[1:], channels], strict=True):
            layers += [nn.BatchNorm2d(before), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False))
        self.layers = nn.Sequential(*layers)

    def initialise(self, generator: torch.Generator) -> "Generator":
        """Draw the weights; returns the network."""
        initialise_normal(self, generator)
        return self

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels height width"]:
        """G(z): images in [0, 1]."""
        return (self.layers(z[:, :, None, None]).tanh() + 1) / 2


class Discriminator(nn.Module):
    """Convolutions of stride 2 to 4×4 and one to a logit; LeakyReLU 0.2, batch normalisation in all but the first and the last.

    2,765,568 parameters for RGB images of 64×64 with 64 features at half the resolution.

    Args:
        channels: of the image.
        size: side of the image: 8, 16, 32, 64 …
        width: features at half the resolution; each next coarser one has twice as many.

    Source: Radford et al. 2016, section 3.

    Example:
        >>> Discriminator(1, 8, width=8)(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2])
    """

    def __init__(self, channels: int = 3, size: int = 64, width: int = 64) -> None:
        super().__init__()
        widths = [channels, *(width << level for level in range(doublings(size)))]
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(widths)):
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False))
            layers += [nn.BatchNorm2d(after)] if number else []
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, bias=False))

    def initialise(self, generator: torch.Generator) -> "Discriminator":
        """Draw the weights; returns the network."""
        initialise_normal(self, generator)
        return self

    def forward(self, image: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        """d(x) of images in [0, 1]: a logit, high for real ones."""
        return self.layers(2 * image - 1).flatten()
