"""Distance of VGG-19 features at five depths, the perceptual loss of pix2pixHD, SPADE and ASAPNet."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core import torch_files
from darkroom.core.errors import DarkroomError
from darkroom.core.pretrained import VGG19
from darkroom.networks.vgg import DEVIATION, MEAN

LEVELS = ((2, 1 / 32), (7, 1 / 16), (12, 1 / 8), (21, 1 / 4), (30, 1.0))
"""Number of VGG-19's layers up to relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1, and the weight of each."""


class VGGLevels:
    """Σ w_k mean |φ_k(x) − φ_k(y)| over VGG-19's features after the first convolution of each of its five stages.

    Images are standardised as VGG-19 was trained; the released code of pix2pixHD gives it images in [−1, 1] instead. Not a module:
    its parameters are fixed, are not saved in checkpoints, and are read at the first use.

    Args:
        path: a file with torchvision's weights; None for the one in PyTorch's cache, or else a download.

    Source: Wang et al. 2018 (pix2pixHD), section 3.3 and appendix; the weights are those of the released code.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._stages: nn.ModuleList | None = None

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
        if self._stages is None:
            self._stages = _stages(VGG19.find(self.path))
        stages = self._stages.to(prediction.device)
        mean, deviation = (torch.tensor(values, device=prediction.device).view(3, 1, 1) for values in (MEAN, DEVIATION))
        found, expected = (prediction - mean) / deviation, (target - mean) / deviation
        distances = []
        for stage, (_, weight) in zip(stages, LEVELS, strict=True):
            with torch.no_grad():
                expected = stage(expected)
            found = stage(found)
            distances.append(weight * (found - expected).abs().mean())
        return torch.stack(distances).sum()


def _stages(path: Path) -> nn.ModuleList:
    """The layers of VGG-19 between the levels."""
    from torchvision.models.vgg import cfgs, make_layers

    state = torch_files.load(path)
    layers = make_layers(cfgs["E"])[: LEVELS[-1][0]]
    try:
        layers.load_state_dict({name: state[f"features.{name}"] for name in layers.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise DarkroomError(f"{path} does not hold the weights of VGG-19 as torchvision publishes them") from error
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False  # a stage's last features are compared
    starts = [0, *(end for end, _ in LEVELS[:-1])]
    stages = [layers[start:end] for start, (end, _) in zip(starts, LEVELS, strict=True)]
    return nn.ModuleList(stages).eval().requires_grad_(False)
