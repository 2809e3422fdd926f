"""The VGG-style discriminator of SRGAN and ESRGAN: one logit per image (Ledig et al. 2017)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.layers.initialization import initialise_convolutions
from darkroom.layers.normalization import BatchNorm2d


class VGGDiscriminator(nn.Module):
    """Pairs of convolutions, the second of each with stride 2, then two linear layers to one logit.

    Features double from `width` to 8·`width` and stay there; LeakyReLU 0.2; batch normalisation in all layers but the first. SRGAN
    has 4 stages on 96×96 and a hidden layer of 1024 features; ESRGAN has 5 on 128×128 and 100.

    Args:
        size: side of the input images.
        stages: number of strided convolutions.
        width: features of the first layer.
        hidden: features between the two linear layers.

    Raises:
        DarkroomError: the size is not a multiple of 2^stages.

    Source: Ledig et al. 2017, Figure 4; Wang et al. 2018 (ESRGAN).

    Example:
        >>> VGGDiscriminator(size=32, stages=4, width=4, hidden=5)(torch.rand(2, 3, 32, 32)).shape
        torch.Size([2, 1])
    """

    def __init__(self, size: int = 128, stages: int = 5, width: int = 64, hidden: int = 100) -> None:
        super().__init__()
        if size % 2**stages:
            raise DarkroomError(
                f"a discriminator with {stages} strided convolutions takes images whose side is a multiple of {2**stages}, given {size}"
            )
        layers: list[nn.Module] = []
        before = 3
        for stage in range(stages):
            after = width * min(2**stage, 8)
            layers.append(nn.Conv2d(before, after, 3, padding=1, bias=not stage))
            if stage:
                layers.append(BatchNorm2d(after))
            layers += [nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(after, after, 4, stride=2, padding=1, bias=False)]
            layers += [BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
            before = after
        self.size = size
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(before * (size // 2**stages) ** 2, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1)
        )

    def initialise(self, generator: torch.Generator) -> "VGGDiscriminator":
        """Draw the weights; returns the network."""
        initialise_convolutions(self, generator)
        for module in self.classifier:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01, generator=generator)
                nn.init.zeros_(module.bias)
        return self

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1"]:
        """C(x): a logit, high for real images.

        Raises:
            DarkroomError: the images have another size.
        """
        if image.shape[-2:] != (self.size, self.size):
            height, width = image.shape[-2:]
            raise DarkroomError(f"this discriminator takes images of {self.size}x{self.size}, given {width}x{height}")
        return self.classifier(self.features(image))
