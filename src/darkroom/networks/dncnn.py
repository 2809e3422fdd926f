"""DnCNN: Beyond a Gaussian Denoiser (Zhang, Zuo, Chen, Meng, Zhang 2017)."""

import re
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.layers.initialization import initialise_convolutions
from darkroom.layers.normalization import BatchNorm2d


class DnCNN(RestorationNetwork):
    """A plain stack of 3×3 convolutions that predicts the noise: x̂ = y − R(y).

    Conv + ReLU, then `depth − 2` times Conv + BatchNorm + ReLU, then Conv (section III-A). The receptive field is 2·depth + 1
    pixels wide (`halo` = depth).

    Args:
        channels: 1 for grey, 3 for RGB.
        width: features of the hidden layers; 64 in the paper.
        depth: number of convolutions; 17 for a known noise level, 20 for blind denoising.
        batch_norm: batch normalisation between the first and the last layer.
        bias: a bias in the hidden convolutions; redundant with batch normalisation.
        noise_conditional: take the noise level as a further, constant input channel.

    Raises:
        DarkroomError: the depth is below 2.

    Source: Zhang et al. 2017; the noise level map is that of FFDNet (Zhang, Zuo, Zhang 2018), section III-A.

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
    ) -> None:
        super().__init__()
        if depth < 2:
            raise DarkroomError(f"DnCNN has at least 2 convolutions, given --depth {depth}")
        self.channels, self.noise_conditional, self.halo = channels, noise_conditional, depth
        layers: list[nn.Module] = [nn.Conv2d(channels + noise_conditional, width, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers.append(nn.Conv2d(width, width, 3, padding=1, bias=bias or not batch_norm))
            if batch_norm:
                layers.append(BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
        layers.append(nn.Conv2d(width, channels, 3, padding=1))
        self.layers = nn.Sequential(*layers)

    def initialise(self, generator: torch.Generator) -> "DnCNN":
        """Draw the convolutions' weights (He et al. 2015, eq. 10; biases zero); returns the network.

        The last layer starts at zero, so that training starts from x̂ = y. With a random last layer it would start from a
        residual larger than the noise, which takes thousands of steps to unlearn with batch normalisation.
        """
        initialise_convolutions(self, generator)
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
        if not self.noise_conditional:
            return noisy - self.layers(noisy)
        if sigma is None:
            raise DarkroomError("this DnCNN is noise-conditional: give the noise level (--sigma)")
        level = sigma.to(noisy).view(-1, 1, 1, 1).expand(len(noisy), 1, *noisy.shape[2:])
        return noisy - self.layers(torch.cat([noisy, level], 1))

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "DnCNN | None":
        """Build the network of a plain sequential state dictionary, as public DnCNN checkpoints hold; None if it is not one.

        Layers are in the order of the numbers in their names (`dncnn.N.weight`, `model.N.weight`); layers with running
        statistics are batch normalisations.
        """
        layers = _numbered(state)
        if layers is None:
            return None
        convolutions = [layer for layer in layers if layer["weight"].ndim == 4]
        norms = [layer for layer in layers if "running_mean" in layer]
        if len(convolutions) < 2 or len(convolutions) + len(norms) != len(layers):
            return None
        first, last = convolutions[0]["weight"], convolutions[-1]["weight"]
        width, extra = first.shape[0], first.shape[1] - last.shape[0]
        chain = all(layer["weight"].shape == (width, width, 3, 3) for layer in convolutions[1:-1])
        if not chain or extra not in (0, 1) or len(norms) not in (0, len(convolutions) - 2):
            return None
        network = cls(
            channels=last.shape[0],
            width=width,
            depth=len(convolutions),
            batch_norm=bool(norms),
            bias=any("bias" in layer for layer in convolutions[1:-1]),
            noise_conditional=bool(extra),
        )
        network._load(layers)
        return network

    def _load(self, layers: list[dict[str, Tensor]]) -> None:
        """Load the parameters of convolutions and batch normalisations, in order; absent biases are zero."""
        modules = [module for module in self.layers if not isinstance(module, nn.ReLU)]
        for module, layer in zip(modules, layers, strict=True):
            complete = dict(layer)
            if isinstance(module, nn.BatchNorm2d):
                complete.setdefault("num_batches_tracked", torch.tensor(0))
            elif isinstance(module, nn.Conv2d) and module.bias is not None:
                complete.setdefault("bias", torch.zeros(module.out_channels))
            module.load_state_dict(complete)


def _numbered(state: Mapping[str, Tensor]) -> list[dict[str, Tensor]] | None:
    """Group `prefix.N.parameter` by N, in rising order; None if a name has another form."""
    layers: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        match = re.fullmatch(r"(?:\w+\.)?(\d+)\.(\w+)", name)
        if match is None:
            return None
        layers.setdefault(int(match[1]), {})[match[2]] = tensor
    ordered = [layers[number] for number in sorted(layers)]
    return ordered if all("weight" in layer for layer in ordered) else None
