"""The U-Net discriminator of Real-ESRGAN: one logit per pixel (Wang, Xie, Dong, Shan 2021)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from darkroom.layers.initialization import initialise_convolutions

SETTLING = 15
"""Power iterations of the spectral normalisation at initialisation."""


class UNetDiscriminator(nn.Module):
    """A U-Net with spectral normalisation that classifies every pixel as real or generated.

    Three strided convolutions and three bilinear upsamplings with additive skips; LeakyReLU 0.2; spectral normalisation in all
    layers but the first and the last. 4,376,897 parameters with 64 features. Images of any size.

    Args:
        width: features of the first layer.

    Source: Wang et al. 2021 (Real-ESRGAN), section 3.3 and Figure 6; Miyato et al. 2018 for the normalisation.

    Example:
        >>> UNetDiscriminator(width=4)(torch.rand(2, 3, 32, 40)).shape
        torch.Size([2, 1, 32, 40])
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        w = width
        self.first = nn.Conv2d(3, w, 3, padding=1)
        self.down = nn.ModuleList(
            spectral_norm(nn.Conv2d(w * k, 2 * w * k, 4, stride=2, padding=1, bias=False)) for k in (1, 2, 4)
        )
        self.up = nn.ModuleList(spectral_norm(nn.Conv2d(2 * w * k, w * k, 3, padding=1, bias=False)) for k in (4, 2, 1))
        self.head = nn.ModuleList(spectral_norm(nn.Conv2d(w, w, 3, padding=1, bias=False)) for _ in range(2))
        self.last = nn.Conv2d(w, 1, 3, padding=1)

    def initialise(self, generator: torch.Generator) -> "UNetDiscriminator":
        """Draw the weights, and the vectors of the power iteration; returns the network."""
        initialise_convolutions(self, generator)
        for layer in [*self.down, *self.up, *self.head]:
            parametrization = layer.parametrizations.weight  # type: ignore[union-attr]
            nn.init.kaiming_normal_(parametrization.original, generator=generator)  # type: ignore[union-attr,arg-type]
            with torch.no_grad():
                for vector in parametrization[0].buffers():  # type: ignore[index]
                    vector.copy_(nn.functional.normalize(torch.randn(vector.shape, generator=generator), dim=0))
            for _ in range(SETTLING):
                layer.weight  # noqa: B018  (in training mode, reading the weight makes one power iteration)
        return self

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1 height width"]:
        """C(x): a logit for every pixel, high for real images."""
        levels = [_leaky(self.first(image))]
        for convolution in self.down:
            levels.append(_leaky(convolution(levels[-1])))
        x = levels.pop()
        for convolution in self.up:
            skip = levels.pop()
            x = nn.functional.interpolate(x, skip.shape[-2:], mode="bilinear", align_corners=False)
            x = _leaky(convolution(x)) + skip
        for convolution in self.head:
            x = _leaky(convolution(x))
        return self.last(x)


def _leaky(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, 0.2)
