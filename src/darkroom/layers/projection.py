"""Projection of an estimate onto the ball around the noisy image whose radius is the norm of the noise."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Projection(nn.Module):
    """Π(x) = y + ε (x − y) / max(‖x − y‖, ε) with ε = e^α σ √(HWC − 1): the projection of x onto the ball of radius ε around y.

    The norm of white noise of standard deviation σ concentrates around σ √(HWC − 1), so the clean image lies near the sphere of
    that radius; an estimate outside the ball removed more than noise. The norm is over each whole image. α is a learned
    parameter, 0 at first.

    Source: Lefkimmiatis 2018 (UDNet), section 3.4.

    Example:
        >>> y = torch.zeros(1, 1, 4, 4)
        >>> Projection()(torch.ones(1, 1, 4, 4), y, torch.tensor([0.1])).norm().item() < 0.4
        True
    """

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(
        self,
        x: Float[Tensor, "batch channel height width"],
        y: Float[Tensor, "batch channel height width"],
        sigma: Float[Tensor, " batch"],
    ) -> Float[Tensor, "batch channel height width"]:
        """Project the estimate x of the noisy image y.

        Args:
            x: the estimates.
            y: the noisy images.
            sigma: standard deviation of each image's noise, in the image's units.
        """
        radius = self.alpha.exp() * sigma.to(x) * max(x[0].numel() - 1, 1) ** 0.5
        difference = x - y
        norm = difference.flatten(1).float().norm(dim=1).to(x)
        return y + (radius / torch.maximum(norm, radius).clamp_min(1e-12)).view(-1, 1, 1, 1) * difference
