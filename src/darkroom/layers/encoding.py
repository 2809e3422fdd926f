"""Encodings of coordinates, so that small networks see fine detail."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class PositionalEncoding(nn.Module):
    """gamma(x) = (x, sin x, cos x, sin 2x, cos 2x, ..., sin 2^(L-1) x, cos 2^(L-1) x).

    Without the factor pi that the paper prints and its code does not have; the raw input is kept, as in the code.

    Args:
        dimensions: of x.
        frequencies: L.

    Source: Mildenhall et al. 2020, equation 4.
    """

    def __init__(self, dimensions: int, frequencies: int) -> None:
        super().__init__()
        self.features = dimensions * (1 + 2 * frequencies)
        self.register_buffer("scales", 2.0 ** torch.arange(frequencies), persistent=False)
        self.scales: Tensor

    def forward(self, x: Float[Tensor, "*n dimensions"]) -> Float[Tensor, "*n features"]:
        """Every coordinate at every frequency."""
        angles = x[..., None, :] * self.scales[:, None]
        waves = torch.stack([angles.sin(), angles.cos()], -2)
        return torch.cat([x, waves.flatten(-3)], -1)
