"""PatchGAN: a discriminator of patches (Isola et al. 2017), at several scales (Wang et al. 2018, pix2pixHD)."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from torch.nn.utils.parametrizations import spectral_norm

from darkroom.core.errors import DarkroomError
from darkroom.layers.initialization import initialise_normal
from darkroom.layers.instance_norm import InstanceNorm2d
from darkroom.layers.spectral import initialise_spectral

SMALLEST = 24
"""Side of the smallest image that gives a logit at one scale."""


class Discrimination(NamedTuple):
    """What a discriminator finds, a list with an entry for each scale.

    Args:
        logits: a map of logits, high for real patches.
        features: the activations of the hidden layers.
    """

    logits: list[Tensor]
    features: list[list[Tensor]]


class PatchDiscriminator(nn.Module):
    """C64-C128-C256-C512 and a convolution to logits, all 4×4: each logit is of a patch of 70×70 pixels.

    LeakyReLU 0.2; strides 2, 2, 2, 1, 1; normalisation in all hidden layers but the first. 2.77 million parameters with affine
    normalisation and six input channels.

    Args:
        channels: of the input: the encoded condition and the image together.
        width: features of the first layer.
        affine: whether normalisations have scales and shifts, as in pix2pix, whose batch normalisation of single images this is;
            without, the convolutions have biases, as in pix2pixHD.
        spectral: spectral normalisation of the hidden layers' weights (Miyato et al. 2018), as in SPADE and ASAPNet.

    Source: Isola et al. 2017, section 6.1.2.

    Example:
        >>> logits, features = PatchDiscriminator(6, width=4)(torch.rand(1, 6, 64, 64))
        >>> tuple(logits.shape), [tuple(layer.shape[1:]) for layer in features]
        ((1, 1, 6, 6), [(4, 32, 32), (8, 16, 16), (16, 8, 8), (32, 7, 7)])
    """

    def __init__(self, channels: int, width: int = 64, *, affine: bool = True, spectral: bool = False) -> None:
        super().__init__()
        widths = (width, 2 * width, 4 * width, 8 * width)
        self.hidden, before = nn.ModuleList(), channels
        for layer, after in enumerate(widths):
            convolution: nn.Module = nn.Conv2d(
                before, after, 4, stride=1 if layer == 3 else 2, padding=1, bias=not layer or not affine
            )
            if spectral:
                convolution = spectral_norm(convolution)
            normalised = [InstanceNorm2d(after, affine=affine)] if layer else []
            self.hidden.append(nn.Sequential(convolution, *normalised, nn.LeakyReLU(0.2)))
            before = after
        self.last = nn.Conv2d(before, 1, 4, padding=1)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> tuple[Tensor, list[Tensor]]:
        """The map of logits, and the features of the hidden layers."""
        features: list[Tensor] = []
        for layer in self.hidden:
            x = layer(x)
            features.append(x)
        return self.last(x), features


class MultiscaleDiscriminator(nn.Module):
    """Discriminators of the same structure for the image, for half its resolution, and so on.

    Args:
        channels, width, affine, spectral: see `PatchDiscriminator`.
        scales: number of discriminators.

    Source: Wang et al. 2018, section 3.2.

    Example:
        >>> found = MultiscaleDiscriminator(5, width=4, scales=2)(torch.rand(1, 2, 64, 64), torch.rand(1, 3, 64, 64))
        >>> [tuple(logits.shape) for logits in found.logits]
        [(1, 1, 6, 6), (1, 1, 2, 2)]
    """

    def __init__(self, channels: int, width: int = 64, *, scales: int = 1, affine: bool = True, spectral: bool = False) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            PatchDiscriminator(channels, width, affine=affine, spectral=spectral) for _ in range(scales)
        )

    def require(self, height: int, width: int) -> None:
        """Raise if an image is too small: a normalised layer of the last scale would have a single pixel.

        Raises:
            DarkroomError: the size, and the smallest one.
        """
        least = SMALLEST * 2 ** (len(self.scales) - 1)
        if min(height, width) < least:
            raise DarkroomError(
                f"discriminators at {len(self.scales)} scale(s) take images of at least {least} pixels a side, given {width}x{height}"
            )

    def initialise(self, generator: torch.Generator) -> "MultiscaleDiscriminator":
        """Draw the weights, and the vectors of the power iterations; returns the network."""
        initialise_normal(self, generator)
        initialise_spectral(self, generator)
        return self

    def forward(
        self, condition: Float[Tensor, "batch encoded height width"], image: Float[Tensor, "batch 3 height width"]
    ) -> Discrimination:
        """D(x, y) at every scale.

        Args:
            condition: x, the encoded input of the generator.
            image: y in [0, 1].

        Raises:
            DarkroomError: the images are too small.
        """
        self.require(*image.shape[2:])
        x = torch.cat([condition, 2 * image - 1], 1)
        logits, features = [], []
        for number, discriminator in enumerate(self.scales):
            if number:
                x = avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            scale_logits, scale_features = discriminator(x)
            logits.append(scale_logits)
            features.append(scale_features)
        return Discrimination(logits, features)
