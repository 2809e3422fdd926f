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


class SphericalHarmonics(nn.Module):
    """Real spherical harmonics of a direction, of the degrees 0, 1, 2 and 3: 16 polynomials in its coordinates.

    They are orthonormal on the sphere, so a linear function of them is a smooth function of the direction.

    Source: Müller et al. 2022, section 5.4, where four degrees are called "degree 4"; the polynomials: Sloan 2008, appendix A2.

    Example:
        >>> import torch
        >>> SphericalHarmonics()(torch.tensor([[0.0, 0.0, 1.0]])).shape
        torch.Size([1, 16])
    """

    features = 16

    def forward(self, directions: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 16"]:
        """Encode unit directions."""
        x, y, z = directions.unbind(-1)
        xx, yy, zz = x * x, y * y, z * z
        harmonics = [
            torch.full_like(x, 0.28209479177387814),  # sqrt(1 / 4π)
            -0.4886025119029199 * y,  # sqrt(3 / 4π)
            0.4886025119029199 * z,
            -0.4886025119029199 * x,
            1.0925484305920792 * x * y,  # sqrt(15 / 4π)
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (3 * zz - 1),  # sqrt(5 / 16π)
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (xx - yy),  # sqrt(15 / 16π)
            -0.5900435899266435 * y * (3 * xx - yy),  # sqrt(35 / 32π)
            2.890611442640554 * x * y * z,  # sqrt(105 / 4π)
            -0.4570457994644658 * y * (5 * zz - 1),  # sqrt(21 / 32π)
            0.3731763325901154 * z * (5 * zz - 3),  # sqrt(7 / 16π)
            -0.4570457994644658 * x * (5 * zz - 1),
            1.445305721320277 * z * (xx - yy),  # sqrt(105 / 16π)
            -0.5900435899266435 * x * (xx - 3 * yy),
        ]
        return torch.stack(harmonics).movedim(0, -1)  # each contiguous in memory
