"""Known noise: the answer may not be farther from what was seen than the noise is strong."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Projection(nn.Module):
    """Π(x) = y + ε (x − y) / max(‖x − y‖, ε) with ε = e^α σ √(HWC − 1): onto the ball around y that the truth lies on.

    White noise of deviation σ has a norm of σ √(HWC − 1), nearly surely; so an estimate that lies farther from y took
    more than noise away, and is drawn back. The norm is over the whole image, each by itself; α is learned, from 0.

    Source: Lefkimmiatis 2018 (UDNet), section 3.4.
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
        """Project the estimate x of the noisy image y; σ in the image's units."""
        radius = self.alpha.exp() * sigma.to(x) * max(x[0].numel() - 1, 1) ** 0.5
        apart = x - y
        norm = apart.flatten(1).float().norm(dim=1).to(x)
        return y + (radius / torch.maximum(norm, radius).clamp_min(1e-12)).view(-1, 1, 1, 1) * apart
