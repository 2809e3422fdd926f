"""Encodings of coordinates, with which small networks represent fine detail."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class PositionalEncoding(nn.Module):
    """gamma(x) = (x, sin x, cos x, sin 2x, cos 2x, ..., sin 2^(L-1) x, cos 2^(L-1) x).

    As in the paper's code: x itself is included, and the factor pi of the printed formula is not.

    Args:
        dimensions: of x.
        frequencies: L.

    Source: Mildenhall et al. 2020, equation 4.

    Example:
        >>> import torch
        >>> PositionalEncoding(dimensions=1, frequencies=2)(torch.zeros(1, 1)).tolist()
        [[0.0, 0.0, 1.0, 0.0, 1.0]]
    """

    def __init__(self, dimensions: int, frequencies: int) -> None:
        super().__init__()
        self.features = dimensions * (1 + 2 * frequencies)
        self.register_buffer("scales", 2.0 ** torch.arange(frequencies), persistent=False)
        self.scales: Tensor

    def forward(self, x: Float[Tensor, "*n dimensions"]) -> Float[Tensor, "*n features"]:
        """Encode points; `features` is dimensions · (1 + 2 L)."""
        angles = x[..., None, :] * self.scales[:, None]
        waves = torch.stack([angles.sin(), angles.cos()], -2)
        return torch.cat([x, waves.flatten(-3)], -1)
