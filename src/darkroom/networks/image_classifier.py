"""A backbone with a linear classifier, trained whole or with the backbone frozen."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.layers.initialization import initialise_linears
from darkroom.networks.resnet import ResNet


class ImageClassifier(nn.Module):
    """Images to logits: h(f(x)), h linear.

    A frozen backbone is a fixed function: its parameters have no gradient, and its batch normalisation uses the running statistics
    and leaves them as they are, in training too.

    Args:
        backbone: f.
        classes: number of logits.
        frozen: train h alone.

    Example:
        >>> classifier = ImageClassifier(ResNet(10, width=4), classes=5, frozen=True).train()
        >>> classifier.backbone.training, classifier(torch.rand(2, 3, 32, 32)).shape
        (False, torch.Size([2, 5]))
    """

    def __init__(self, backbone: ResNet, classes: int, *, frozen: bool = False) -> None:
        super().__init__()
        self.backbone, self.frozen = backbone.requires_grad_(not frozen), frozen
        self.head = nn.Linear(backbone.features, classes)

    def initialise(self, generator: torch.Generator) -> "ImageClassifier":
        """Draw the weights."""
        self.backbone.initialise(generator)
        initialise_linears(self.head, generator)
        return self

    def train(self, mode: bool = True) -> "ImageClassifier":
        """As for every module; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch classes"]:
        """Images in [0, 1] to logits."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = self.backbone(images)
        return self.head(features)
