"""Spherical harmonics against SciPy's, and as an orthonormal basis."""

import math

import numpy as np
import torch
from scipy import special

from darkroom.layers.encoding import SphericalHarmonics


def directions(count: int) -> torch.Tensor:
    drawn = torch.randn(count, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.nn.functional.normalize(drawn, dim=1)


def real_harmonic(degree: int, order: int, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """From SciPy's complex harmonics, which have the sign (-1)^m of Condon and Shortley."""
    azimuth, polar = np.arctan2(y, x), np.arccos(z)
    value = special.sph_harm_y(degree, abs(order), polar, azimuth)
    if order == 0:
        return value.real
    return math.sqrt(2) * (value.real if order > 0 else value.imag)


def test_harmonics_are_scipys():
    where = directions(50)
    x, y, z = where.numpy().T
    expected = [real_harmonic(degree, order, x, y, z) for degree in range(4) for order in range(-degree, degree + 1)]
    torch.testing.assert_close(SphericalHarmonics()(where), torch.from_numpy(np.stack(expected, 1)))


def test_harmonics_are_orthonormal():
    """Gauss-Legendre in z and even steps in the azimuth integrate products of harmonics exactly."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    azimuth = np.arange(16) * 2 * math.pi / 16
    z, angle = np.meshgrid(nodes, azimuth, indexing="ij")
    flat = np.sqrt(1 - z**2)
    where = torch.from_numpy(np.stack([flat * np.cos(angle), flat * np.sin(angle), z], -1)).reshape(-1, 3)
    area = torch.from_numpy(np.repeat(weights, 16) * 2 * math.pi / 16)
    values = SphericalHarmonics()(where)
    torch.testing.assert_close(values.T @ (area[:, None] * values), torch.eye(16, dtype=torch.float64))
