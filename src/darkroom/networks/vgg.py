"""Distance of VGG-19 features (Simonyan & Zisserman 2015), a perceptual loss."""

from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core import torch_files
from darkroom.core.errors import DarkroomError
from darkroom.core.pretrained import VGG19

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the ImageNet images, per channel; VGG's inputs are standardised with them."""


LAYERS = {"conv3_3": 15, "conv5_4": 35}
"""Number of VGG-19's layers up to a convolution, without the activation after it."""


class VGGDistance:
    """mean |φ(x) − φ(y)|ᵖ where φ are VGG-19's features at one of its convolutions, before the activation.

    Not a module: its parameters are fixed, are not saved in checkpoints, and are read at the first use.

    Args:
        path: a file with torchvision's weights; None for the one in torch's cache, or else a download.
        layer: conv5_4, its last convolution, as in ESRGAN, or conv3_3 as in DeblurGAN.
        exponent: p, 1 as in ESRGAN, or 2 as in DeblurGAN.

    Source: Wang et al. 2018 (ESRGAN), section 3.3; Kupyn et al. 2018 (DeblurGAN), equation 4.
    """

    def __init__(
        self, path: Path | None = None, *, layer: Literal["conv3_3", "conv5_4"] = "conv5_4", exponent: Literal[1, 2] = 1
    ) -> None:
        self.path, self.layer, self.exponent = path, layer, exponent
        self._network: nn.Module | None = None

    def find(self) -> None:
        """Look up the weights, and download them if they are not in the cache.

        Raises:
            DarkroomError: the file does not exist, or the download failed.
        """
        VGG19.find(self.path)

    def __call__(
        self, prediction: Float[Tensor, "batch 3 height width"], target: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, ""]:
        """The distance of images in [0, 1]; differentiable with respect to the prediction."""
        network = self._on(prediction.device)
        with torch.no_grad():
            expected = network(_standardised(target))
        difference = network(_standardised(prediction)) - expected
        return difference.abs().mean() if self.exponent == 1 else difference.square().mean()

    def _on(self, device: torch.device) -> nn.Module:
        if self._network is None:
            self._network = _features(VGG19.find(self.path), LAYERS[self.layer])
        return self._network.to(device)


def _features(path: Path, depth: int) -> nn.Module:
    from torchvision.models.vgg import cfgs, make_layers

    state = torch_files.load(path)
    layers = make_layers(cfgs["E"])[:depth]
    try:
        layers.load_state_dict({name: state[f"features.{name}"] for name in layers.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise DarkroomError(f"{path} does not hold the weights of VGG-19 as torchvision publishes them") from error
    return layers.eval().requires_grad_(False)


def _standardised(x: Tensor) -> Tensor:
    mean, deviation = (torch.tensor(values, device=x.device, dtype=x.dtype).view(3, 1, 1) for values in (MEAN, DEVIATION))
    return (x - mean) / deviation
