"""FFDNet: Toward a Fast and Flexible Solution for CNN-Based Image Denoising (Zhang, Zuo, Zhang 2018)."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions
from darkroom.layers.normalization import BatchNorm2d
from darkroom.networks.convention import by_test_image
from darkroom.networks.convolution_chain import ConvolutionChain
from darkroom.networks.dncnn import Predicts

_FACTOR = 2
"""Factor of the downsampling into sub-images."""


class FFDNet(RestorationNetwork):
    """A stack of 3×3 convolutions on the four sub-images of an image, and a map of the noise level.

    The image y, height × width × C, is rearranged into 4C sub-images of half the size, and the noise level is appended as a
    constant channel; Conv + ReLU, then `depth − 2` times Conv + BatchNorm + ReLU, then Conv give 4C sub-images of x̂, which are
    put together again (section III). Images of odd height or width are padded by replication of the last line.

    The public networks have their batch normalisation folded: 485,316 parameters for grey images, 852,108 for colour. Those of
    the re-implementation in IPOL (Tassano, Delon, Veit 2019) keep it, take one map for each channel, in front of the image, and
    predict the noise: 486,080 and 854,688 parameters.

    Args:
        channels: 1 for grey, 3 for RGB.
        width: features of the hidden layers; 64 for grey images, 96 for colour.
        depth: number of convolutions; 15 for grey images, 12 for colour.
        batch_norm: batch normalisation between the first and the last layer.
        bias: a bias in the hidden convolutions; redundant with batch normalisation.
        maps: noise level maps, 1 or as many as channels.
        maps_first: the maps are in front of the image.
        predicts: "image", or "noise": x̂ = y − output.

    Raises:
        DarkroomError: the depth is below 2.

    Source: Zhang et al. 2018, section III; Tassano et al. 2019, An Analysis and Implementation of the FFDNet Image Denoising
    Method.

    Example:
        >>> network = FFDNet(channels=3, width=16, depth=4).initialise(torch.Generator().manual_seed(0)).eval()
        >>> network(torch.rand(1, 3, 41, 50), sigma=torch.tensor([25 / 255])).shape
        torch.Size([1, 3, 41, 50])
    """

    grid = _FACTOR
    noise_conditional = True

    def __init__(
        self,
        channels: int = 3,
        width: int = 96,
        depth: int = 12,
        *,
        batch_norm: bool = True,
        bias: bool = False,
        maps: int = 1,
        maps_first: bool = False,
        predicts: Predicts = "image",
    ) -> None:
        super().__init__()
        if depth < 2:
            raise DarkroomError(f"FFDNet has at least 2 convolutions, given --depth {depth}")
        self.channels, self.maps, self.maps_first, self.predicts = channels, maps, maps_first, predicts
        self.halo = _FACTOR * depth + _FACTOR - 1  # depth cells of two pixels, seen from the far side of a cell
        sub_images = channels * _FACTOR**2
        layers: list[nn.Module] = [nn.Conv2d(sub_images + maps, width, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers.append(nn.Conv2d(width, width, 3, padding=1, bias=bias or not batch_norm))
            if batch_norm:
                layers.append(BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
        layers.append(nn.Conv2d(width, sub_images, 3, padding=1))
        self.layers = nn.Sequential(*layers)

    def initialise(self, generator: torch.Generator) -> "FFDNet":
        """Draw the convolutions' weights (He et al. 2015, eq. 10; biases zero); returns the network."""
        initialise_convolutions(self, generator)
        return self

    def forward(
        self, noisy: Float[Tensor, "batch channel height width"], sigma: Float[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch channel height width"]:
        """Denoise.

        Args:
            noisy: y in [0, 1] plus noise.
            sigma: the noise's standard deviation in the image's units (σ/255).

        Returns:
            x̂, not clipped.

        Raises:
            DarkroomError: the number of channels is not the network's, or there is no sigma.
        """
        if noisy.shape[1] != self.channels:
            raise DarkroomError(f"this FFDNet takes {self.channels} channel(s), the image has {noisy.shape[1]}")
        if sigma is None:
            raise DarkroomError("FFDNet is noise-conditional: give the noise level (--sigma)")
        height, width = noisy.shape[2:]
        halves = nn.functional.pixel_unshuffle(
            nn.functional.pad(noisy, (0, width % _FACTOR, 0, height % _FACTOR), mode="replicate"), _FACTOR
        )
        level = sigma.to(noisy).view(-1, 1, 1, 1).expand(len(noisy), self.maps, *halves.shape[2:])
        output = self.layers(torch.cat([level, halves] if self.maps_first else [halves, level], 1))
        output = nn.functional.pixel_shuffle(output, _FACTOR)[:, :, :height, :width]
        return noisy - output if self.predicts == "noise" else output

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "FFDNet | None":
        """Build the network of a public checkpoint, of the authors or of IPOL; None if it is of another network.

        It is recognised by its channels: four times those of an image, and one or as many as the image's for the noise level.
        Where the maps are, and whether the noise or the image is predicted, is found by a test image.

        Raises:
            DarkroomError: it removes no noise from the test image in any of these ways.
        """
        chain = ConvolutionChain.of(state)
        if chain is None or chain.outputs not in (4, 12):
            return None
        channels, maps = chain.outputs // 4, chain.inputs - chain.outputs
        if maps not in (1, channels):
            return None
        candidates: dict[str, RestorationNetwork] = {}
        for maps_first in (False, True):
            for predicts in ("image", "noise"):
                network = cls._of(chain, channels=channels, maps=maps, maps_first=maps_first, predicts=predicts)
                place = "first" if maps_first else "last"
                candidates[f"with the {predicts} as output and the noise level {place}"] = network
        return by_test_image(candidates, "FFDNet")  # type: ignore[return-value]

    @classmethod
    def _of(cls, chain: ConvolutionChain, **options: Any) -> "FFDNet":
        network = cls(width=chain.width, depth=chain.depth, batch_norm=chain.batch_norm, bias=chain.bias, **options)
        chain.load_into(network.layers)
        return network
