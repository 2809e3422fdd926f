"""Solvers against closed forms, against each other, and against deepinv, without a network."""

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
from darkroom.operators.linear import LinearOperator
from darkroom.solvers.classical import total_variation
from darkroom.solvers.deblur import iterates
from darkroom.solvers.deconvolution import pad_to_input, richardson_lucy, wiener
from darkroom.solvers.denoiser import geometric_self_ensemble
from darkroom.solvers.half_quadratic import half_quadratic
from darkroom.solvers.iterate import Iterate, solve
from darkroom.solvers.plug_and_play import plug_and_play
from darkroom.solvers.proximal import continuation, fista, ista, proximal_gradient
from tests.operators.operators import Inpainting, VaryingBlur, matrix_of

BOUNDARIES = ("valid", "circular", "reflect", "tapered")
OPERATORS = (*BOUNDARIES, "inpainting", "varying blur")
KERNEL = torch.outer(torch.tensor([1.0, 3.0, 2.0]), torch.tensor([1.0, 2.0, 4.0, 1.0, 1.0])).double()
SIGMA = 0.1
SIGMA_SMALL = 0.01
WIDTH = 0.3  # of the Gaussian prior


def gaussian_prior(v: torch.Tensor, sigma: float) -> torch.Tensor:
    """The exact proximal operator of g(u) = ‖u‖²/(2·WIDTH²): argmin ‖u − v‖²/(2σ²) + g(u)."""
    return v / (1 + sigma**2 / WIDTH**2)


def operator_for(name: str) -> LinearOperator:
    """A blur by its boundary condition, or an operator that is not a `Blur`."""
    others = {"inpainting": Inpainting(11, 14), "varying blur": VaryingBlur(11, 14)}
    return others.get(name) or Blur(KERNEL, 11, 14, name)


def problem(name: str) -> tuple[LinearOperator, torch.Tensor, torch.Tensor]:
    """The operator, a measurement, and argmin ‖u‖²/(2·WIDTH²) + ‖Hu − y‖²/(2σ²) by a dense solve."""
    operator = operator_for(name)
    y = torch.rand(1, *operator.output_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    h = matrix_of(operator)
    normal = h.T @ h / SIGMA**2 + torch.eye(h.shape[1], dtype=torch.float64) / WIDTH**2
    return operator, y, torch.linalg.solve(normal, h.T @ y.flatten() / SIGMA**2).view(1, *operator.input_shape)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("solver", [ista, fista])
@pytest.mark.parametrize("tau", [None, 0.4, 8.0])  # the last is far too large: backtracking reduces it
def test_they_find_the_closed_form_of_a_gaussian_prior(name: str, solver, tau):
    operator, y, expected = problem(name)
    found = solve(solver(operator, gaussian_prior, y, SIGMA, steps=4000, tau=tau), tolerance=1e-12)
    assert found.status == "converged"
    torch.testing.assert_close(found.u, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["inpainting", "varying blur"])
def test_half_quadratic_splitting_needs_no_blur(name: str):
    """One iteration from z₀ solves the dense system of the penalised problem, whatever the operator."""
    operator, y, _ = problem(name)
    z = torch.rand(1, *operator.input_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (first,) = half_quadratic(operator, lambda v, sigma: v, y, SIGMA, steps=1, sigma_max=0.4, regularisation=0.3, start=z)
    h, alpha = matrix_of(operator), 0.3 * SIGMA**2 / 0.4**2
    b = h.T @ y.flatten() + alpha * z.flatten()
    expected = torch.linalg.solve(h.T @ h + alpha * torch.eye(len(b), dtype=torch.float64), b)
    torch.testing.assert_close(first.u.flatten(), expected, atol=1e-4, rtol=0)


def test_inpainting_with_a_denoiser_fills_the_missing_pixels():
    clean = to_float(embedded("heldout", grey=True)[0][:, 90:170, 130:220])
    operator = Inpainting(80, 90)
    y = operator(clean + SIGMA_SMALL * torch.randn(clean.shape, generator=generator(2)))
    for solver in ("hqs", "fista"):
        steps = plug_and_play(operator, total_variation, y, SIGMA_SMALL, solver=solver, steps=20)
        assert psnr(solve(steps).u, clean) > psnr(y, clean) + 12


def test_momentum_is_faster():
    blur, y, _ = problem("circular")
    steps = [solve(solver(blur, gaussian_prior, y, SIGMA, steps=4000), tolerance=1e-8).steps for solver in (ista, fista)]
    assert steps[1] < steps[0] / 2


@pytest.mark.parametrize("boundary", ["valid", "circular"])
def test_half_quadratic_splitting_is_ista_in_another_metric(boundary: str):
    blur, y, _ = problem(boundary)
    levels = [0.4 * (SIGMA / 0.4) ** (step / 4) for step in range(5)]
    split = half_quadratic(blur, gaussian_prior, y, SIGMA, steps=5, sigma_max=0.4, regularisation=0.3)
    metric = ista(blur, gaussian_prior, y, SIGMA, steps=5, sigmas=levels, regularisation=0.3)
    for mine, theirs in zip(split, metric, strict=True):
        torch.testing.assert_close(mine.u, theirs.u, atol=1e-3 if boundary == "valid" else 1e-10, rtol=0)
        assert mine.level == pytest.approx(theirs.level)


def test_the_iterates_are_deepinvs():
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


def test_noise_levels_fall_and_are_held():
    levels = continuation(0.2, 0.01, 10, hold=0.3)
    assert levels[0] == pytest.approx(0.2) and levels[7:] == pytest.approx([0.01] * 3)
    assert all(a > b for a, b in itertools.pairwise(levels[:8]))
    given: list[float] = []

    def recording(v: torch.Tensor, sigma: float) -> torch.Tensor:
        given.append(sigma)
        return v

    blur, y, _ = problem("circular")
    list(ista(blur, recording, y, SIGMA, steps=12, tau=0.25, sigmas=levels, backtracking=False))
    assert given == pytest.approx(
        [0.5 * level for level in [*levels, 0.01, 0.01]]
    )  # √τ σ_k, and the last one for further steps


def test_divergence_is_detected_and_the_best_iterate_is_kept():
    blur, y, _ = problem("circular")
    runaway = proximal_gradient(
        blur, lambda v, sigma: 1.5 * v, y, SIGMA, accelerated=True, steps=200, backtracking=False, restart=False
    )
    found = solve(runaway)
    assert found.status == "diverged" and found.steps < 200
    assert found.residuals[found.steps - 1] == min(found.residuals)
    broken = (
        Iterate(n, torch.full((1, 2, 2), float("nan") if n > 2 else 1.0), float("nan") if n > 2 else 1.0, 1.0)
        for n in range(1, 9)
    )
    found = solve(broken)
    assert (found.status, found.steps) == ("diverged", 2) and torch.equal(found.u, torch.ones(1, 2, 2))
    with pytest.raises(DarkroomError, match="first iterate of the solver is not finite"):
        solve([Iterate(1, torch.full((1, 2, 2), float("nan")), float("nan"), 1.0)])


def test_the_discrepancy_principle_stops_a_solver():
    blur, y, _ = problem("circular")
    found = solve(ista(blur, lambda v, sigma: v, blur(y), SIGMA, steps=4000), discrepancy=0.01)
    assert found.status == "discrepancy" and found.residuals[-1] <= 0.01 < found.residuals[-2]


def test_a_noise_level_of_zero_is_refused():
    blur, y, _ = problem("circular")
    for solver in (ista, fista, half_quadratic):
        with pytest.raises(DarkroomError, match="must be above 0"):
            next(solver(blur, gaussian_prior, y, 0.0))


def test_the_self_ensemble_of_an_equivariant_denoiser_is_the_denoiser():
    x = torch.rand(3, 8, 11)
    ensemble = geometric_self_ensemble(gaussian_prior, generator(0))
    for _ in range(16):
        torch.testing.assert_close(ensemble(x, 0.1), gaussian_prior(x, 0.1))


def test_the_self_ensemble_draws_every_flip_and_rotation():
    corners = torch.arange(1.0, 5.0).view(1, 2, 2)
    outputs = [geometric_self_ensemble(lambda v, sigma: corners, generator(n))(torch.zeros(1, 2, 2), 0.1) for n in range(60)]
    assert len({tuple(output.flatten().tolist()) for output in outputs}) == 8


def test_without_continuation_the_denoiser_is_given_sigma_throughout():
    blur, y, _ = problem("circular")
    for solver in ("hqs", "ista", "fista"):
        steps = plug_and_play(blur, gaussian_prior, y, SIGMA, solver=solver, steps=3, sigma_max=0.0, regularisation=0.23)
        assert [step.level for step in steps] == pytest.approx([SIGMA] * 3)
        levels = [step.level for step in plug_and_play(blur, gaussian_prior, y, SIGMA, solver=solver, steps=3, sigma_max=0.4)]
        assert levels == sorted(levels, reverse=True) and levels[0] == pytest.approx(0.4)


def test_deblurring_is_plug_and_play_from_wieners_estimate():
    blur = Blur(KERNEL.float(), 40, 50)
    y = blur(torch.rand(1, 40, 50, generator=generator(0)))
    mine = iterates(gaussian_prior, y, KERNEL.float(), SIGMA, steps=3, seed=4)
    theirs = plug_and_play(blur, gaussian_prior, y, SIGMA, steps=3, seed=4, start=wiener(blur, y, SIGMA))
    assert all(torch.equal(a.u, b.u) for a, b in zip(mine, theirs, strict=True))


def psnr(u: torch.Tensor, x: torch.Tensor) -> float:
    inner = (..., slice(12, -12), slice(12, -12))
    return -10 * math.log10(float((u.clamp(0, 1) - x)[inner].square().mean()))


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_real_photograph_becomes_sharper(boundary: str):
    clean = to_float(embedded("heldout", grey=True)[0][:, 90:218, 130:290])
    pair = BlurredPair(torch.ones(7, 9), 2.55, boundary)(clean, generator(1))
    blur, sigma = Blur(torch.ones(7, 9), 128, 160, boundary), 2.55 / 255
    before = psnr(pad_to_input(blur, pair.input), clean)
    linear, poisson = wiener(blur, pair.input, sigma), richardson_lucy(blur, pair.input)
    assert linear.shape == poisson.shape == clean.shape
    assert psnr(linear, clean) > before + 2 and psnr(poisson, clean) > before + 1.5
    start = pad_to_input(blur, pair.input)
    restored = solve(half_quadratic(blur, total_variation, pair.input, sigma, start=start))
    assert restored.status == "steps" and psnr(restored.u, clean) > psnr(linear, clean) + 0.3
    assert np.isfinite(restored.residuals).all()
