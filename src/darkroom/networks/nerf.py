"""NeRF: a radiance field as a multilayer perceptron (Mildenhall, Srinivasan, Tancik, Barron, Ramamoorthi, Ng 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.layers.encoding import PositionalEncoding
from darkroom.layers.initialization import initialise_linears


class NeRF(nn.Module):
    """Density from position, colour from position and viewing direction.

        x -> gamma_10(x) -> 8 layers of 256 with ReLU, gamma_10(x) concatenated again after the fifth -> sigma,
        features, gamma_4(d) -> 128 with ReLU -> c

    Args:
        width: features of a layer.
        depth: layers before the density.
        skip: after this layer the encoded position is concatenated again.
        frequencies: of the encodings of position and direction.

    Source: figure 7 of the paper.

    Example:
        >>> import torch
        >>> network = NeRF(width=16, depth=2, skip=1).initialise(torch.Generator().manual_seed(0))
        >>> density, colour = network(torch.zeros(5, 3), torch.eye(3)[:1].expand(5, 3))
        >>> density.shape, colour.shape
        (torch.Size([5]), torch.Size([5, 3]))
    """

    def __init__(self, width: int = 256, depth: int = 8, skip: int = 5, frequencies: tuple[int, int] = (10, 4)) -> None:
        super().__init__()
        self.position, self.direction = (PositionalEncoding(3, count) for count in frequencies)
        self.skip = skip
        inputs = [self.position.features] + [width + (self.position.features if n == skip else 0) for n in range(1, depth)]
        self.layers = nn.ModuleList(nn.Linear(count, width) for count in inputs)
        self.sigma = nn.Linear(width, 1)
        self.features = nn.Linear(width, width)
        self.view = nn.Linear(width + self.direction.features, width // 2)
        self.rgb = nn.Linear(width // 2, 3)
        self.noise = 0.0

    def initialise(self, generator: torch.Generator) -> "NeRF":
        """Weights after Glorot & Bengio 2010 (uniform), biases zero."""
        initialise_linears(self, generator)
        return self

    def density(self, points: Float[Tensor, "points 3"]) -> tuple[Float[Tensor, " points"], Float[Tensor, "points width"]]:
        """Density relu(sigma + noise) per unit of world length, and features for the colour.

        The noise is Gaussian with standard deviation `self.noise`, in training only; a regulariser for real scenes.
        """
        encoded = self.position(points)
        h = encoded
        for number, layer in enumerate(self.layers):
            h = torch.relu(layer(torch.cat([h, encoded], -1) if number == self.skip else h))
        sigma = _in_float32(self.sigma, h)[:, 0]
        if self.training and self.noise:
            sigma = sigma + self.noise * torch.randn_like(sigma)
        return torch.relu(sigma), h

    def colour(self, features: Float[Tensor, "points width"], viewing: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Colour in [0, 1] from the features of `density`."""
        h = torch.cat([self.features(features), self.direction(viewing).to(features.dtype)], -1)
        return torch.sigmoid(_in_float32(self.rgb, torch.relu(self.view(h))))

    def forward(
        self, points: Float[Tensor, "points 3"], viewing: Float[Tensor, "points 3"]
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Density and colour."""
        sigma, features = self.density(points)
        return sigma, self.colour(features, viewing)


def _in_float32(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer in float32 under autocast too: the three decimals of bfloat16 are too few for a density or a colour."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())  # type: ignore[no-any-return]
