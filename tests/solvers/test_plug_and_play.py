"""Solvers against closed forms, against each other, and against deepinv; no network is needed for any of it."""

import itertools
import math

import deepinv
import numpy as np
import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.operators.blur import Blur, BlurredPair
from darkroom.solvers.classical import total_variation
from darkroom.solvers.deconvolution import extended, richardson_lucy, wiener
from darkroom.solvers.denoiser import turning
from darkroom.solvers.half_quadratic import half_quadratic
from darkroom.solvers.iterate import Iterate, solve
from darkroom.solvers.proximal import continuation, fista, ista, proximal_gradient
from darkroom.solvers.regularised import solved

BOUNDARIES = ("valid", "circular", "reflect", "tapered")
KERNEL = torch.outer(torch.tensor([1.0, 3.0, 2.0]), torch.tensor([1.0, 2.0, 4.0, 1.0, 1.0])).double()
SIGMA = 0.1
WIDTH = 0.3  # of the Gaussian prior


def gaussian_prior(v: torch.Tensor, sigma: float) -> torch.Tensor:
    """The exact proximal operator of g(u) = ‖u‖²/(2·WIDTH²): argmin ‖u − v‖²/(2σ²) + g(u)."""
    return v / (1 + sigma**2 / WIDTH**2)


def question(boundary: str, size: tuple[int, int] = (11, 14)) -> tuple[Blur, torch.Tensor, torch.Tensor]:
    """The operator, an observation, and argmin ‖u‖²/(2·WIDTH²) + ‖Hu − y‖²/(2σ²) by a dense solve."""
    blur = Blur(KERNEL, *size, boundary)
    random = torch.Generator().manual_seed(0)
    y = torch.rand(1, *blur.answered, dtype=torch.float64, generator=random)
    count = size[0] * size[1]
    h = blur(torch.eye(count, dtype=torch.float64).view(count, *size)).flatten(1).T
    u = torch.linalg.solve(h.T @ h / SIGMA**2 + torch.eye(count, dtype=torch.float64) / WIDTH**2, h.T @ y.flatten() / SIGMA**2)
    return blur, y, u.view(1, *size)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("solver", [ista, fista])
@pytest.mark.parametrize("tau", [None, 0.4, 8.0])  # the last is far too long: backtracking shortens it
def test_they_find_the_closed_form_of_a_gaussian_prior(boundary: str, solver, tau):
    blur, y, wanted = question(boundary)
    found = solve(solver(blur, gaussian_prior, y, SIGMA, steps=4000, tau=tau), tolerance=1e-12)
    assert found.ended == "converged"
    torch.testing.assert_close(found.u, wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_regularised_inverse_is_one(boundary: str):
    blur, y, wanted = question(boundary)
    alpha = SIGMA**2 / WIDTH**2
    torch.testing.assert_close(solved(blur, blur.adjoint(y), alpha, tolerance=1e-12), wanted, atol=1e-8, rtol=0)
    torch.testing.assert_close(solved(blur, blur.adjoint(y), alpha, start=wanted, tolerance=1e-12), wanted, atol=1e-8, rtol=0)


def test_momentum_is_faster():
    blur, y, _ = question("circular")
    steps = [solve(solver(blur, gaussian_prior, y, SIGMA, steps=4000), tolerance=1e-8).steps for solver in (ista, fista)]
    assert steps[1] < steps[0] / 2


@pytest.mark.parametrize("boundary", ["valid", "circular"])
def test_half_quadratic_splitting_is_ista_in_another_metric(boundary: str):
    blur, y, _ = question(boundary)
    levels = [0.4 * (SIGMA / 0.4) ** (step / 4) for step in range(5)]
    split = half_quadratic(blur, gaussian_prior, y, SIGMA, steps=5, strongest=0.4, weight=0.3)
    metric = ista(blur, gaussian_prior, y, SIGMA, steps=5, sigmas=levels, weight=0.3)
    for mine, theirs in zip(split, metric, strict=True):
        torch.testing.assert_close(mine.u, theirs.u, atol=1e-3 if boundary == "valid" else 1e-10, rtol=0)
        assert mine.level == pytest.approx(theirs.level)


def test_deepinv_walks_the_same_way():
    kernel = KERNEL.float()
    blur = Blur(kernel, 20, 24, "circular")
    y = blur(torch.rand(1, 20, 24, generator=generator(0)))

    class Shrink(torch.nn.Module):
        def forward(self, x: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
            return gaussian_prior(x, float(torch.as_tensor(sigma).flatten()[0]))

    physics = deepinv.physics.BlurFFT(img_size=(1, 20, 24), filter=blur.kernel[None, None])
    torch.testing.assert_close(physics.A(y[None])[0], blur(y), atol=1e-5, rtol=0)
    torch.testing.assert_close(physics.A_adjoint(y[None])[0], blur.adjoint(y), atol=1e-5, rtol=0)
    theirs = deepinv.optim.optim_builder(
        "PGD",
        data_fidelity=deepinv.optim.L2(),
        prior=deepinv.optim.PnP(denoiser=Shrink()),
        params_algo={"stepsize": 0.8, "g_param": math.sqrt(0.8) * SIGMA},
        max_iter=7,
        early_stop=False,
        custom_init=lambda y, physics: {"est": (physics.A_adjoint(y), physics.A_adjoint(y))},
    )(y[None], physics)
    mine = list(ista(blur, gaussian_prior, y, SIGMA, steps=7, tau=0.8))[-1]
    torch.testing.assert_close(theirs[0], mine.u, atol=1e-5, rtol=0)


def test_levels_fall_and_are_held():
    levels = continuation(0.2, 0.01, 10, hold=0.3)
    assert levels[0] == pytest.approx(0.2) and levels[7:] == pytest.approx([0.01] * 3)
    assert all(a > b for a, b in itertools.pairwise(levels[:8]))
    told: list[float] = []

    def listening(v: torch.Tensor, sigma: float) -> torch.Tensor:
        told.append(sigma)
        return v

    blur, y, _ = question("circular")
    list(ista(blur, listening, y, SIGMA, steps=12, tau=0.25, sigmas=levels, backtracking=False))
    assert told == pytest.approx([0.5 * level for level in [*levels, 0.01, 0.01]])  # √τ σ_k, and the last for what is beyond


def test_divergence_is_noticed_and_the_best_is_kept():
    blur, y, _ = question("circular")
    runaway = proximal_gradient(
        blur, lambda v, sigma: 1.5 * v, y, SIGMA, accelerated=True, steps=200, backtracking=False, restart=False
    )
    found = solve(runaway)
    assert found.ended == "diverged" and found.steps < 200
    assert found.residuals[found.steps - 1] == min(found.residuals)
    broken = (
        Iterate(n, torch.full((1, 2, 2), float("nan") if n > 2 else 1.0), float("nan") if n > 2 else 1.0, 1.0)
        for n in range(1, 9)
    )
    found = solve(broken)
    assert (found.ended, found.steps) == ("diverged", 2) and torch.equal(found.u, torch.ones(1, 2, 2))
    with pytest.raises(DarkroomError, match="very first iterate"):
        solve([Iterate(1, torch.full((1, 2, 2), float("nan")), float("nan"), 1.0)])


def test_what_explains_the_picture_up_to_its_noise_is_enough():
    blur, y, _ = question("circular")
    found = solve(ista(blur, lambda v, sigma: v, blur(y), SIGMA, steps=4000), enough=0.01)
    assert found.ended == "explained" and found.residuals[-1] <= 0.01 < found.residuals[-2]


def test_no_noise_is_said():
    blur, y, _ = question("circular")
    for solver in (ista, fista, half_quadratic):
        with pytest.raises(DarkroomError, match="must be above 0"):
            next(solver(blur, gaussian_prior, y, 0.0))


def test_turning_a_denoiser_that_does_not_mind_changes_nothing():
    x = torch.rand(3, 8, 11)
    turned = turning(gaussian_prior, generator(0))
    for _ in range(16):
        torch.testing.assert_close(turned(x, 0.1), gaussian_prior(x, 0.1))
    seen = {
        turning(lambda v, sigma: torch.arange(1.0, 5.0).view(1, 2, 2), generator(n))(torch.zeros(1, 2, 2), 0.1)
        .flatten()
        .tolist()[0]
        for n in range(30)
    }
    assert seen == {1.0, 2.0, 3.0, 4.0}


def psnr(u: torch.Tensor, x: torch.Tensor) -> float:
    inner = (..., slice(12, -12), slice(12, -12))
    return -10 * math.log10(float((u.clamp(0, 1) - x)[inner].square().mean()))


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_real_photograph_becomes_sharper(boundary: str):
    clean = to_float(embedded("heldout", grey=True)[0][:, 90:218, 130:290])
    pair = BlurredPair(torch.ones(7, 9), 2.55, boundary)(clean, generator(1))
    blur, sigma = Blur(torch.ones(7, 9), 128, 160, boundary), 2.55 / 255
    before = psnr(extended(blur, pair.input), clean)
    linear, counting = wiener(blur, pair.input, sigma), richardson_lucy(blur, pair.input)
    assert linear.shape == counting.shape == clean.shape
    assert psnr(linear, clean) > before + 2 and psnr(counting, clean) > before + 1.5
    start = extended(blur, pair.input)
    learned = solve(half_quadratic(blur, total_variation, pair.input, sigma, start=start))
    assert learned.ended == "steps" and psnr(learned.u, clean) > psnr(linear, clean) + 0.3
    assert np.isfinite(learned.residuals).all()
