import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.metrics.frechet import squared_frechet_distance


def spd(random: np.random.Generator, d: int, rank: int | None = None) -> np.ndarray:
    factor = random.standard_normal((d, rank or 2 * d))
    return factor @ factor.T / factor.shape[1]


def ours(mean1, cov1, mean2, cov2) -> float:
    return squared_frechet_distance(*(torch.from_numpy(np.array(x, dtype=np.float64)) for x in (mean1, cov1, mean2, cov2)))


def scipys(mean1, cov1, mean2, cov2) -> float:
    root = scipy.linalg.sqrtm(cov1 @ cov2).real
    return float(np.sum((mean1 - mean2) ** 2) + np.trace(cov1 + cov2 - 2 * root))


def test_commuting_gaussians_have_a_closed_form():
    a, b = np.array([4.0, 1.0, 0.25, 0.0]), np.array([1.0, 9.0, 0.25, 0.04])
    mean1, mean2 = np.array([1.0, 0, 2, 0]), np.array([0.0, 0, 0, 0.5])
    turn = scipy.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    expected = 5.25 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert ours(mean1, np.diag(a), mean2, np.diag(b)) == pytest.approx(expected, rel=1e-12)
    turned = (turn @ mean1, turn @ np.diag(a) @ turn.T, turn @ mean2, turn @ np.diag(b) @ turn.T)
    assert ours(*turned) == pytest.approx(expected, rel=1e-12)


@given(d=st.integers(1, 40), seed=st.integers(0, 1000))
def test_full_rank_is_scipys_matrix_square_root(d: int, seed: int):
    random = np.random.default_rng(seed)
    arguments = (random.standard_normal(d), spd(random, d), random.standard_normal(d), spd(random, d))
    assert ours(*arguments) == pytest.approx(scipys(*arguments), rel=1e-8, abs=1e-8)


@given(n=st.integers(2, 12), m=st.integers(2, 12), d=st.integers(13, 60), seed=st.integers(0, 1000))
def test_fewer_samples_than_dimensions(n: int, m: int, d: int, seed: int):
    """tr (Σ₁Σ₂)^½ is the nuclear norm of X₁X₂ᵀ, X the centred samples divided by √(n − 1)."""
    random = np.random.default_rng(seed)
    x, y = random.standard_normal((n, d)), 1 + 2 * random.standard_normal((m, d))
    centred = [(z - z.mean(0)) / math.sqrt(len(z) - 1) for z in (x, y)]
    spread = sum((z**2).sum() for z in centred) - 2 * np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + spread
    assert ours(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T)) == pytest.approx(expected, rel=1e-9)


def test_further_dimensions_without_variance_change_nothing():
    random = np.random.default_rng(0)
    small = (random.standard_normal(5), spd(random, 5), random.standard_normal(5), spd(random, 5))
    basis = scipy.linalg.qr(random.standard_normal((64, 64)))[0][:, :5]
    large = [basis @ x if x.ndim == 1 else basis @ x @ basis.T for x in small]
    assert ours(*large) == pytest.approx(ours(*small), rel=1e-9)


@pytest.mark.parametrize("rank", [1, 30, 200])
def test_identical_gaussians_are_at_distance_zero(rank: int):
    random = np.random.default_rng(rank)
    mean, covariance = random.standard_normal(100), spd(random, 100, rank)
    assert ours(mean, covariance, mean, covariance) < 1e-11 * np.trace(covariance)


def test_constant_features_and_single_dimensions():
    zero = np.zeros((3, 3))
    assert ours(np.zeros(3), zero, np.ones(3), zero) == 3
    assert ours(np.zeros(3), zero, np.zeros(3), np.eye(3)) == 3
    assert ours([0], [[4]], [1], [[9]]) == 2


def test_badly_scaled_covariances_keep_their_digits():
    """Variances over twelve orders of magnitude, as those of features that hardly ever fire."""
    scales = 10.0 ** -np.arange(13)
    expected = ((np.sqrt(scales) - np.sqrt(scales[::-1])) ** 2).sum()
    assert ours(np.zeros(13), np.diag(scales), np.zeros(13), np.diag(scales[::-1])) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_what_is_not_finite_gives_nan(broken: float):
    mean, covariance = np.zeros(2), np.eye(2)
    assert math.isnan(ours(mean + broken, covariance, mean, covariance))
    assert math.isnan(ours(mean, covariance, mean, covariance + broken))
