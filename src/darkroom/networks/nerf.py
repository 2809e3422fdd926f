"""NeRF: the network that is a scene (Mildenhall, Srinivasan, Tancik, Barron, Ramamoorthi, Ng 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.layers.encoding import PositionalEncoding
from darkroom.layers.initialization import initialise_linears


class NeRF(nn.Module):
    """Density from a place, colour from the place and the direction in which it is seen.

        x -> gamma_10(x) -> 8 layers of 256 with ReLU, gamma_10(x) again after the fifth -> sigma,
        features, gamma_4(d) -> 128 with ReLU -> c

    Args:
        width: features of a layer.
        depth: layers before the density.
        skip: after this layer the encoded place is put beside the features.
        frequencies: of the encodings of place and direction.

    Source: figure 7 of the paper.
    """

    def __init__(self, width: int = 256, depth: int = 8, skip: int = 5, frequencies: tuple[int, int] = (10, 4)) -> None:
        super().__init__()
        self.place, self.direction = (PositionalEncoding(3, count) for count in frequencies)
        self.skip = skip
        inputs = [self.place.features] + [width + (self.place.features if n == skip else 0) for n in range(1, depth)]
        self.layers = nn.ModuleList(nn.Linear(count, width) for count in inputs)
        self.sigma = nn.Linear(width, 1)
        self.features = nn.Linear(width, width)
        self.view = nn.Linear(width + self.direction.features, width // 2)
        self.rgb = nn.Linear(width // 2, 3)
        self.noise = 0.0

    def initialise(self, generator: torch.Generator) -> "NeRF":
        """Glorot's uniform weights, biases zero."""
        initialise_linears(self, generator)
        return self

    def density(self, points: Float[Tensor, "points 3"]) -> tuple[Float[Tensor, " points"], Float[Tensor, "points width"]]:
        """Density relu(sigma + noise) per length of the world, and features for the colour.

        `self.noise` is the deviation of what is added to sigma in training, for real scenes.
        """
        encoded = self.place(points)
        h = encoded
        for number, layer in enumerate(self.layers):
            h = torch.relu(layer(torch.cat([h, encoded], -1) if number == self.skip else h))
        sigma = _exactly(self.sigma, h)[:, 0]
        if self.training and self.noise:
            sigma = sigma + self.noise * torch.randn_like(sigma)
        return torch.relu(sigma), h

    def colour(self, known: Float[Tensor, "points width"], viewing: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Colour in [0, 1] from the features that `density` gave."""
        h = torch.cat([self.features(known), self.direction(viewing).to(known.dtype)], -1)
        return torch.sigmoid(_exactly(self.rgb, torch.relu(self.view(h))))

    def forward(
        self, points: Float[Tensor, "points 3"], viewing: Float[Tensor, "points 3"]
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Density and colour."""
        sigma, known = self.density(points)
        return sigma, self.colour(known, viewing)


def _exactly(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer in float32 whatever the others are: three decimals of a density or a colour are too few."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())  # type: ignore[no-any-return]
