"""The Fréchet distance of Gaussians, in float64 and by the eigenvalues of a symmetric matrix."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def squared_frechet_distance(
    mean1: Float[Tensor, " d"], covariance1: Float[Tensor, "d d"], mean2: Float[Tensor, " d"], covariance2: Float[Tensor, "d d"]
) -> float:
    """The squared Fréchet distance of two Gaussians, d² = ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½.

    With Σᵢ = AᵢAᵢᵀ, Σ₁Σ₂ has the eigenvalues of the symmetric A₁ᵀΣ₂A₁ = BBᵀ, B = A₁ᵀA₂, and further zeros. So the last trace is
    the sum of their roots, the singular values of B: no root of a nonsymmetric matrix is taken, nothing becomes complex, and no
    digit is lost by squaring. Covariances may be of any rank, as those of fewer samples than dimensions are: A has as many
    columns as its covariance has rank, above d · 2⁻⁵³ of the largest variance.

    Args:
        mean1, mean2: μ₁ and μ₂, float64.
        covariance1, covariance2: Σ₁ and Σ₂, float64, symmetric and positive semidefinite.

    Returns:
        d², at least 0; nan where an argument is not finite.

    Source: Dowson & Landau 1982; Heusel et al. 2017, eq. 6.

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> squared_frechet_distance(0 * one, 4 * one[None], 3 * one, one[None])  # 3² + (2 − 1)²
        10.0
    """
    if not all(x.isfinite().all() for x in (mean1, covariance1, mean2, covariance2)):
        return math.nan
    factor1, factor2 = _factor(covariance1), _factor(covariance2)
    cross = torch.linalg.svdvals(factor1.T @ factor2).sum() if factor1.numel() and factor2.numel() else mean1.new_zeros(())
    spread = covariance1.trace() + covariance2.trace() - 2 * cross
    return max(float((mean1 - mean2).square().sum() + spread), 0.0)


def _factor(covariance: Float[Tensor, "d d"]) -> Float[Tensor, "d rank"]:
    """A with AAᵀ = Σ, by Cholesky's decomposition with pivots, which stops at the rank (Higham 2002, algorithm 10.2)."""
    sigma = ((covariance + covariance.T) / 2).cpu()
    left, columns = sigma.diagonal().clone(), torch.zeros_like(sigma)
    least = len(sigma) * 2.0**-53 * float(left.max())
    for rank in range(len(sigma)):
        pivot = int(left.argmax())
        if not left[pivot] > least:
            return columns[:rank].T.contiguous().to(covariance.device)
        column = (sigma[pivot] - columns[:rank, pivot] @ columns[:rank]) / left[pivot].sqrt()
        column[left == 0] = 0  # earlier pivots
        columns[rank] = column
        left = (left - column.square()).clamp(min=0)
        left[pivot] = 0
    return columns.T.contiguous().to(covariance.device)
