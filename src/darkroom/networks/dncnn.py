"""DnCNN: Beyond a Gaussian Denoiser (Zhang, Zuo, Chen, Meng, Zhang 2017), with its variants FDnCNN and IRCNN."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions
from darkroom.layers.normalization import BatchNorm2d
from darkroom.networks.convention import by_test_image
from darkroom.networks.convolution_chain import ConvolutionChain

Predicts = Literal["noise", "image"]
"""What the last convolution gives: R(y) with x̂ = y − R(y), or x̂ itself."""

IRCNN_DILATIONS = (1, 2, 3, 4, 3, 2, 1)
"""Dilations of IRCNN's seven convolutions (Zhang, Zuo, Gu, Zhang 2017, section 4.1)."""


class DnCNN(RestorationNetwork):
    """A plain stack of 3×3 convolutions that predicts the noise: x̂ = y − R(y).

    Conv + ReLU, then `depth − 2` times Conv + BatchNorm + ReLU, then Conv (section III-A). The receptive field is 2·depth + 1
    pixels wide (`halo` = depth).

    FDnCNN, a later variant of the authors', takes the noise level, has no batch normalisation, and predicts the image. IRCNN has
    seven dilated convolutions.

    Args:
        channels: 1 for grey, 3 for RGB.
        width: features of the hidden layers; 64 in the paper.
        depth: number of convolutions; 17 for a known noise level, 20 for blind denoising.
        batch_norm: batch normalisation between the first and the last layer.
        bias: a bias in the hidden convolutions; redundant with batch normalisation.
        noise_conditional: take the noise level as a further, constant input channel.
        predicts: "noise", or "image": the last convolution gives x̂ itself.
        dilations: of each convolution; 1 for all if not given.

    Raises:
        DarkroomError: the depth is below 2, or there are not as many dilations.

    Source: Zhang et al. 2017; the noise level map is that of FFDNet (Zhang, Zuo, Zhang 2018), section III-A; IRCNN: Zhang, Zuo, Gu,
    Zhang 2017, Learning Deep CNN Denoiser Prior for Image Restoration.

    Example:
        >>> network = DnCNN(channels=3, width=16, depth=5).initialise(torch.Generator().manual_seed(0)).eval()
        >>> network(torch.rand(1, 3, 40, 50)).shape
        torch.Size([1, 3, 40, 50])
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        depth: int = 17,
        *,
        batch_norm: bool = True,
        bias: bool = False,
        noise_conditional: bool = False,
        predicts: Predicts = "noise",
        dilations: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if depth < 2:
            raise DarkroomError(f"DnCNN has at least 2 convolutions, given --depth {depth}")
        if dilations is not None and len(dilations) != depth:
            raise DarkroomError(f"{depth} convolutions have as many dilations, given {len(dilations)}")
        self.channels, self.noise_conditional, self.predicts = channels, noise_conditional, predicts
        self.halo = sum(dilations) if dilations else depth
        first, last = (dilations[0], dilations[-1]) if dilations else (1, 1)
        layers: list[nn.Module] = [_convolution(channels + noise_conditional, width, first), nn.ReLU(inplace=True)]
        for dilation in dilations[1:-1] if dilations else repeat(1, depth - 2):
            layers.append(_convolution(width, width, dilation, bias=bias or not batch_norm))
            if batch_norm:
                layers.append(BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
        layers.append(_convolution(width, channels, last))
        self.layers = nn.Sequential(*layers)

    def initialise(self, generator: torch.Generator) -> "DnCNN":
        """Draw the convolutions' weights (He et al. 2015, eq. 10; biases zero); returns the network.

        The last layer starts at zero if it predicts the noise, so that training starts from x̂ = y. With a random last layer it
        would start from a residual larger than the noise, which takes thousands of steps to unlearn with batch normalisation.
        """
        initialise_convolutions(self, generator)
        if self.predicts == "noise":
            nn.init.zeros_(self.layers[-1].weight)  # type: ignore[arg-type]
        return self

    def forward(
        self, noisy: Float[Tensor, "batch channel height width"], sigma: Float[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch channel height width"]:
        """Denoise.

        Args:
            noisy: y in [0, 1] plus noise.
            sigma: the noise's standard deviation in the image's units (σ/255), for a noise-conditional network.

        Returns:
            x̂, not clipped.

        Raises:
            DarkroomError: the number of channels is not the network's, or a noise-conditional network is given no sigma.
        """
        if noisy.shape[1] != self.channels:
            raise DarkroomError(f"this DnCNN takes {self.channels} channel(s), the image has {noisy.shape[1]}")
        inputs = noisy
        if self.noise_conditional:
            if sigma is None:
                raise DarkroomError("this DnCNN is noise-conditional: give the noise level (--sigma)")
            level = sigma.to(noisy).view(-1, 1, 1, 1).expand(len(noisy), 1, *noisy.shape[2:])
            inputs = torch.cat([noisy, level], 1)
        output = self.layers(inputs)
        return noisy - output if self.predicts == "noise" else output

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "DnCNN | None":
        """Build the network of a plain sequence of convolutions, as public checkpoints hold; None if it is not one.

        Whether it predicts the noise (DnCNN) or the image (FDnCNN), and whether seven convolutions are dilated (IRCNN), is found by
        a test image.

        Raises:
            DarkroomError: it removes no noise from the test image in any of these ways.
        """
        chain = ConvolutionChain.of(state)
        if chain is None or chain.outputs not in (1, 3) or chain.inputs - chain.outputs not in (0, 1):
            return None
        conventions: dict[str, dict[str, Any]] = {
            "with the noise as output": {"predicts": "noise"},
            "with the image as output": {"predicts": "image"},
        }
        if chain.depth == len(IRCNN_DILATIONS):
            conventions["with the noise as output and dilated as IRCNN"] = {"predicts": "noise", "dilations": IRCNN_DILATIONS}
        candidates = {words: cls._of(chain, **options) for words, options in conventions.items()}
        return by_test_image(candidates, "DnCNN")  # type: ignore[return-value]

    @classmethod
    def _of(cls, chain: ConvolutionChain, **convention: Any) -> "DnCNN":
        conditional = chain.inputs > chain.outputs
        norm, bias = chain.batch_norm, chain.bias
        network = cls(
            chain.outputs, chain.width, chain.depth, batch_norm=norm, bias=bias, noise_conditional=conditional, **convention
        )
        chain.load_into(network.layers)
        return network


def _convolution(inputs: int, outputs: int, dilation: int, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=bias)
