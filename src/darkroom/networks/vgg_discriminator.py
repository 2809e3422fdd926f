"""The discriminator of SRGAN and ESRGAN: VGG-style, one number an image (Ledig et al. 2017)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.layers.initialization import initialise_convolutions
from darkroom.layers.normalization import BatchNorm2d


class VGGDiscriminator(nn.Module):
    """Pairs of convolutions, the second of each halving the image, then two linear layers to one logit.

    Features double from `width` to 8·`width` and stay there; LeakyReLU 0.2, batch normalisation but in the first layer
    (Ledig et al. 2017, Figure 4). SRGAN has 4 stages on 96×96 and a hidden layer of 1024; ESRGAN 5 on 128×128 and 100.

    Args:
        size: side of the images it takes.
        stages: times the image is halved.
        width: features of the first layer.
        hidden: of the linear layers.

    Raises:
        DarkroomError: the size cannot be halved so often.
    """

    def __init__(self, size: int = 128, stages: int = 5, width: int = 64, hidden: int = 100) -> None:
        super().__init__()
        if size % 2**stages:
            raise DarkroomError(f"an image of {size}x{size} cannot be halved {stages} times; choose a multiple of {2**stages}")
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
        """Draw all weights anew; returns the network."""
        initialise_convolutions(self, generator)
        for module in self.classifier:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01, generator=generator)
                nn.init.zeros_(module.bias)
        return self

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1"]:
        """C(x): a logit, high for photographs.

        Raises:
            DarkroomError: the image is of another size.
        """
        if image.shape[-2:] != (self.size, self.size):
            height, width = image.shape[-2:]
            raise DarkroomError(f"this discriminator takes images of {self.size}x{self.size}, given {width}x{height}")
        return self.classifier(self.features(image))
