"""UDNet's projection behind a blind denoiser, which makes it noise-conditional (Lefkimmiatis 2018)."""

from jaxtyping import Float
from torch import Tensor

from darkroom.core.network import RestorationNetwork
from darkroom.layers.projection import Projection

Images = Float[Tensor, "batch channel height width"]


class Projected(RestorationNetwork):
    """Π_{y,σ}(f(y)): a blind denoiser f, followed by `layers.projection`.

    The projection needs the norm over the whole image, so it is done in `finish`.

    Args:
        network: f; blind, with outputs of the input's size.

    Example:
        >>> import torch
        >>> from darkroom.networks.dncnn import DnCNN
        >>> network = Projected(DnCNN(channels=1, width=8, depth=3))
        >>> network(torch.rand(2, 1, 16, 16), torch.tensor([0.1, 0.2])).shape
        torch.Size([2, 1, 16, 16])
    """

    def __init__(self, network: RestorationNetwork) -> None:
        super().__init__()
        self.network, self.projection = network, Projection()
        self.channels, self.halo, self.grid, self.noise_conditional = network.channels, network.halo, network.grid, True

    def forward(self, noisy: Images, sigma: Float[Tensor, " batch"]) -> Images:
        """Denoise.

        Args:
            noisy: y in [0, 1] plus noise.
            sigma: standard deviation of the noise in the image's units.
        """
        return self.finish(self.restore_tile(noisy, sigma), noisy, sigma)

    def restore_tile(self, noisy: Images, sigma: Float[Tensor, " batch"]) -> Images:  # type: ignore[override]
        """f(y)."""
        return self.network(noisy)

    def finish(self, restored: Images, noisy: Images, sigma: Float[Tensor, " batch"]) -> Images:  # type: ignore[override]
        """Π_{y,σ}(restored)."""
        return self.projection(restored, noisy, sigma)
