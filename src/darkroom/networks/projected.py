"""A blind denoiser made to use a known noise level: its answer is projected (Lefkimmiatis 2018, UDNet)."""

from jaxtyping import Float
from torch import Tensor

from darkroom.core.network import RestorationNetwork
from darkroom.layers.projection import Projection


class Projected(RestorationNetwork):
    """Π_{y,σ}(f(y)): a blind network f, and `layers.projection` behind it.

    The norm is the whole image's, so that whoever runs f in tiles projects after they were put together.

    Args:
        network: f; images keep their size.
    """

    def __init__(self, network: RestorationNetwork) -> None:
        super().__init__()
        self.network, self.projection = network, Projection()
        self.channels, self.halo, self.grid, self.noise_conditional = network.channels, network.halo, network.grid, True

    def forward(
        self, noisy: Float[Tensor, "batch channel height width"], sigma: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Denoise; σ is the noise's deviation in the image's units."""
        return self.projection(self.network(noisy), noisy, sigma)
