"""A radiance field as hash tables with two small networks (Müller, Evans, Schied, Keller 2022, "Instant-NGP")."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.layers.contraction import Domain
from darkroom.layers.encoding import SphericalHarmonics
from darkroom.layers.hash_encoding import HashEncoding
from darkroom.layers.initialization import initialise_linears
from darkroom.layers.perceptron import Perceptron

GEOMETRY = 16
"""Values that the density network hands on to the colour network; the first is the logarithm of the density."""

LIMIT = 15.0
"""The gradient of exp is that at 15 at most, so that no density grows beyond all bounds."""

LARGEST = 80.0
"""Logarithm of the largest density, which is finite."""


class HashField(nn.Module):
    """Density from hash-encoded positions, colour from the density network's output and the viewing direction.

        h = MLP(encoding(x)),   sigma(x) = exp(h_1),   c(x, d) = sigmoid(MLP(h, harmonics(d)))

    The density network has one hidden layer, the colour network two; layers have no biases. The unit of length is the longest side of
    the domain's box.

    Args:
        encoding: of positions in the unit cube.
        domain: maps positions to it.
        width: of the hidden layers.

    Source: section 5.4 of the paper.

    Example:
        >>> import torch
        >>> domain = Domain(-torch.ones(3), torch.ones(3))
        >>> field = HashField(HashEncoding(levels=4, log2_rows=10), domain).initialise(torch.Generator().manual_seed(0))
        >>> density, colour = field(torch.zeros(5, 3), torch.eye(3)[:1].expand(5, 3))
        >>> density.shape, colour.shape
        (torch.Size([5]), torch.Size([5, 3]))
    """

    def __init__(self, encoding: HashEncoding, domain: Domain, width: int = 64) -> None:
        super().__init__()
        self.encoding, self.domain, self.harmonics = encoding, domain, SphericalHarmonics()
        self.density_network = Perceptron(encoding.features, width, GEOMETRY, hidden=1)
        self.colour_network = Perceptron(GEOMETRY + self.harmonics.features, width, 3, hidden=2)

    def initialise(self, generator: torch.Generator) -> "HashField":
        """The networks' weights after Glorot & Bengio 2010, features uniform between -1e-4 and 1e-4."""
        initialise_linears(self, generator)
        self.encoding.initialise(generator)
        return self

    @property
    def unit_length(self) -> Float[Tensor, ""]:
        """The field's unit of length in world units."""
        return self.domain.size.max()

    def density(self, points: Float[Tensor, "points 3"]) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 16"]]:
        """Density per unit of length, and the output of the density network, which `colour` takes."""
        return self.density_in_cube(self.domain.unit(points))

    def density_in_cube(self, unit: Float[Tensor, "points 3"]) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 16"]]:
        """`density` at coordinates of the unit cube."""
        h = self.density_network(self.encoding(unit))
        return _Exp.apply(h[:, 0].float()), h  # type: ignore[no-any-return]

    def colour(self, features: Float[Tensor, "points 16"], viewing: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
        """Colour in [0, 1]."""
        h = self.colour_network(torch.cat([features, self.harmonics(viewing).to(features.dtype)], -1))
        return torch.sigmoid(h.float())

    def forward(
        self, points: Float[Tensor, "points 3"], viewing: Float[Tensor, "points 3"]
    ) -> tuple[Float[Tensor, " points"], Float[Tensor, "points 3"]]:
        """Density and colour."""
        sigma, features = self.density(points)
        return sigma, self.colour(features, viewing)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Parameter groups for `MaskedAdam`: the table, and the networks, whose weights decay."""
        networks = [*self.density_network.parameters(), *self.colour_network.parameters()]
        return [{"params": [self.encoding.rows]}, {"params": networks, "weight_decay": weight_decay}]


class _Exp(torch.autograd.Function):
    """exp(x), with the gradient exp(x) clamped as if x were within ±15."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return x.clamp(max=LARGEST).exp()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = context.saved_tensors
        return gradient * x.clamp(-LIMIT, LIMIT).exp()
