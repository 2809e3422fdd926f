"""Residual networks as backbones: images to pooled features (He, Zhang, Ren, Sun 2016)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from darkroom.layers.initialization import initialise_convolutions
from darkroom.layers.normalization import BatchNorm2d

Depth = Literal[10, 18, 34, 50, 101]

_BLOCKS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    10: (BasicBlock, (1, 1, 1, 1)),
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
}

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's images by channel: what torchvision's weights take images to be standardised by."""


class ResNet(nn.Module):
    """A residual network without its classifier: RGB images in [0, 1] to the mean of the last feature map over all positions.

    Blocks and names of weights are torchvision's, so its weights can be loaded (without "fc."). Batch statistics are those of the
    global batch, on one process and on several.

    Args:
        depth: 10, 18 and 34 of basic blocks, 50 and 101 of bottlenecks.
        width: features of the first stage; the paper's are 64.
        stem: "imagenet" reduces images to a quarter of their side, "small" (one 3 × 3 convolution) does not, for images of about 32
            pixels (Chen et al. 2020, appendix B.9).

    Attributes:
        features: number of features: 8 · width, four times as many with bottlenecks.

    Example:
        >>> network = ResNet(18)
        >>> network.features, network(torch.rand(2, 3, 64, 64)).shape
        (512, torch.Size([2, 512]))
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, depth: Depth = 50, width: int = 64, stem: Literal["imagenet", "small"] = "imagenet") -> None:
        super().__init__()
        block, counts = _BLOCKS[depth]
        self.features = 8 * width * block.expansion
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
            self.maxpool: nn.Module = nn.MaxPool2d(3, stride=2, padding=1)
        else:
            self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
            self.maxpool = nn.Identity()
        self.bn1, self.relu = BatchNorm2d(width), nn.ReLU(inplace=True)
        widths = [width, *(width * 2**stage * block.expansion for stage in range(4))]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(block, widths[stage], width * 2**stage, count, stride=2 if stage else 1)
            for stage, count in enumerate(counts)
        )

    def initialise(self, generator: torch.Generator) -> "ResNet":
        """Draw the weights from He's normal distribution."""
        initialise_convolutions(self, generator)
        return self

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Images in [0, 1] to features."""
        x = (images - self.mean) / self.deviation
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3))


def _stage(block: type[BasicBlock] | type[Bottleneck], before: int, width: int, count: int, stride: int) -> nn.Sequential:
    """Blocks of one resolution; the first one halves it, and is given a linear shortcut where shapes differ."""
    after, shortcut = width * block.expansion, None
    if stride != 1 or before != after:
        shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), BatchNorm2d(after))
    first = block(before, width, stride, shortcut, norm_layer=BatchNorm2d)
    return nn.Sequential(first, *(block(after, width, norm_layer=BatchNorm2d) for _ in range(count - 1)))
