"""The small fully connected networks behind a backbone in self-supervised training: projectors and predictors."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.layers.initialization import initialise_linears
from darkroom.layers.normalization import BatchNorm1d


class ProjectionHead(nn.Sequential):
    """Linear layers with batch normalisation and ReLU after each but the last, which is plain.

    Args:
        widths: of the input, of the hidden layers, and of the output; (2048, 4096, 256) is BYOL's projector.
        normalised: normalise the output too, without scale and shift (SimSiam's projector).

    Source: Grill et al. 2020, section 3.3; Chen & He 2021, section 3.

    Example:
        >>> import torch
        >>> ProjectionHead((8, 16, 4))(torch.randn(5, 8)).shape
        torch.Size([5, 4])
    """

    def __init__(self, widths: Sequence[int], *, normalised: bool = False) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise(widths[:-1]):
            layers += [nn.Linear(before, after, bias=False), BatchNorm1d(after), nn.ReLU(inplace=True)]
        layers.append(nn.Linear(widths[-2], widths[-1], bias=not normalised))
        super().__init__(*layers, *([BatchNorm1d(widths[-1], affine=False)] if normalised else []))

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch outputs"]:
        """Features to the projection or prediction."""
        return super().forward(features)

    def initialise(self, generator: torch.Generator) -> "ProjectionHead":
        """Draw the weights."""
        initialise_linears(self, generator)
        return self
