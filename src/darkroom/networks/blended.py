"""The strength of a restoration: between the image and what a network makes of it."""

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork


class Blended(RestorationNetwork):
    """y + s (f(y) − y): a network's correction f(y) − y, scaled by the strength s.

    Args:
        network: f, whose output has the size of its input.
        strength: s, from 0 (the image itself) to 1 (the network's output).

    Raises:
        DarkroomError: the network changes the size.

    Example:
        >>> from darkroom.networks.small_unet import SmallUNet
        >>> image, network = torch.rand(1, 3, 16, 16), SmallUNet(widths=(4, 4, 4))
        >>> half = Blended(network, 0.5)
        >>> bool(torch.allclose(half(image), (image + network(image)) / 2, atol=1e-6))
        True
    """

    def __init__(self, network: RestorationNetwork, strength: float) -> None:
        super().__init__()
        if network.scale != 1:
            raise DarkroomError(
                f"a strength is for networks that keep the size of an image; this one enlarges it by {network.scale}"
            )
        self.channels, self.halo, self.grid = network.channels, network.halo, network.grid
        self.noise_conditional = network.noise_conditional
        self.bytes_per_pixel, self.arithmetic = network.bytes_per_pixel, network.arithmetic
        self.network, self.strength = network, strength

    def forward(
        self, image: Float[Tensor, "batch channel height width"], *condition: Tensor
    ) -> Float[Tensor, "batch channel height width"]:
        """Restore an image in [0, 1] with this strength."""
        return self.finish(self.restore_tile(image, *condition), image, *condition)

    def restore_tile(self, image: Tensor, *condition: Tensor) -> Tensor:
        return self.network.restore_tile(image, *condition)

    def finish(self, restored: Tensor, image: Tensor, *condition: Tensor) -> Tensor:
        return torch.lerp(image, self.network.finish(restored, image, *condition).to(image.dtype), self.strength)
