"""A backbone with the heads that self-supervised training puts behind it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.layers.projection_head import ProjectionHead
from darkroom.networks.resnet import ResNet


class Encoder(nn.Module):
    """Images to a projection, and to a prediction of another view's projection.

        z = g(f(x)),  p = q(z)

    Args:
        backbone: f, kept after training.
        projector: g.
        predictor: q; the identity for methods without one.

    Example:
        >>> encoder = Encoder(ResNet(10, width=4), ProjectionHead((32, 16, 8)), ProjectionHead((8, 16, 8)))
        >>> [tuple(x.shape) for x in encoder(torch.rand(2, 3, 32, 32))]
        [(2, 8), (2, 8)]
    """

    def __init__(self, backbone: ResNet, projector: ProjectionHead, predictor: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone, self.projector = backbone, projector
        self.predictor = nn.Identity() if predictor is None else predictor

    def initialise(self, generator: torch.Generator) -> "Encoder":
        """Draw the weights."""
        for part in (self.backbone, self.projector, self.predictor):
            if isinstance(part, ResNet | ProjectionHead):
                part.initialise(generator)
        return self

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> tuple[Float[Tensor, "batch features"], Float[Tensor, "batch features"]]:
        """Images in [0, 1] to (z, p)."""
        projection = self.projector(self.backbone(images))
        return projection, self.predictor(projection)
