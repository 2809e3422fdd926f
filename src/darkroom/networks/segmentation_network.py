"""Networks for semantic segmentation by torchvision: the class of every pixel."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.layers.initialization import initialise_convolutions
from darkroom.layers.normalization import BatchNorm2d

Architecture = Literal["lraspp", "deeplabv3"]

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's images by channel; torchvision's encoders are given images that are standardised by them."""


class SegmentationNetwork(nn.Module):
    """RGB images in [0, 1] of any size to logits of the classes at the same size.

    The encoder is MobileNetV3 (Howard et al. 2019) with strides of 16 and dilation; the head is LR-ASPP of the same paper, or that
    of DeepLabV3 (Chen et al. 2017). Layers and names of weights are torchvision's. No weights are looked up: `initialise` draws them.

    Args:
        classes: their number.
        architecture: "lraspp" (3.2 million parameters) or "deeplabv3" (11 million).

    Attributes:
        width: number of `features`.

    Example:
        >>> network = SegmentationNetwork(11).initialise(torch.Generator().manual_seed(0)).eval()
        >>> network(torch.rand(1, 3, 48, 64)).shape, network.features(torch.rand(2, 3, 48, 64)).shape
        (torch.Size([1, 11, 48, 64]), torch.Size([2, 960]))
    """

    mean: Tensor
    deviation: Tensor
    width = 960

    def __init__(self, classes: int, architecture: Architecture = "lraspp") -> None:
        super().__init__()
        self.classes = classes
        self.network = _with_own_normalisation(_BUILDERS[architecture](classes))
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)

    def initialise(self, generator: torch.Generator) -> "SegmentationNetwork":
        """Draw the weights from He's normal distribution."""
        initialise_convolutions(self, generator)
        return self

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch classes height width"]:
        """Logits of the classes of every pixel."""
        return self.network(self._standardised(images))["out"]

    def features(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """The encoder's last feature maps, averaged over all positions."""
        maps: dict[str, Tensor] = self.network.get_submodule("backbone")(self._standardised(images))
        return maps["high" if "high" in maps else "out"].mean((2, 3))

    def _standardised(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.deviation


def _lraspp(classes: int) -> nn.Module:
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large  # slow to import

    return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes)


def _deeplabv3(classes: int) -> nn.Module:
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large  # slow to import

    return deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes)


_BUILDERS: dict[Architecture, Callable[[int], nn.Module]] = {"lraspp": _lraspp, "deeplabv3": _deeplabv3}


def _with_own_normalisation(network: nn.Module) -> nn.Module:
    """Batch statistics of the global batch in place of torchvision's; momentum 0.1, for short trainings."""
    for name, module in network.named_children():
        if isinstance(module, nn.BatchNorm2d):
            setattr(network, name, BatchNorm2d(module.num_features))
        else:
            _with_own_normalisation(module)
    return network
