"""The schedulers of diffusers, step by step with the same noise, where they overlap with the samplers here."""

import pytest
import torch

from darkroom.processes.mixture import Mixture
from darkroom.processes.samplers.correctors import Langevin
from darkroom.processes.samplers.ddim import DDIM
from darkroom.processes.samplers.dpm_solver import DPMSolver
from darkroom.processes.samplers.heun import Heun
from darkroom.processes.samplers.predictor_corrector import PredictorCorrector
from darkroom.processes.samplers.predictors import Ancestral, ReverseDiffusion
from darkroom.processes.samplers.spacing import spaced
from darkroom.processes.sde import DDPM, SMLD

diffusers = pytest.importorskip("diffusers", reason="diffusers, whose schedulers are compared with, is not installed")

MIXTURE = Mixture([0.3, 0.7], [-0.5, 0.5], [0.2, 0.1])
SHAPE, LEVELS = (3, 8), 1000
SDE = DDPM(LEVELS)
BETAS = dict(beta_schedule="linear", beta_start=0.1 / LEVELS, beta_end=20 / LEVELS, num_train_timesteps=LEVELS)
STEPS = 28
"""999 = 37 · 27, so 28 steps from level 999 to level 0 are at whole numbers."""

SPACED = [round(level) for level in torch.linspace(LEVELS - 1, 0, STEPS).tolist()]


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def epsilon(x: torch.Tensor, level: float) -> torch.Tensor:
    """The noise in x at a level, from the known score."""
    t = torch.full((len(x),), float(level) / (LEVELS - 1), dtype=torch.float64)
    return (-SDE.sigma(t)[:, None] * MIXTURE.score(SDE)(x, t)).float()


@pytest.mark.parametrize(("variance", "theirs"), [("posterior", "fixed_small"), ("forward", "fixed_large")])
def test_ancestral_sampling(variance: str, theirs: str):
    scheduler = diffusers.DDPMScheduler(**BETAS, variance_type=theirs, clip_sample=False)
    scheduler.set_timesteps(timesteps=SPACED)
    random = seeded()
    x = torch.randn(SHAPE, generator=random) * SDE.prior_sigma
    for level in scheduler.timesteps:
        x = scheduler.step(epsilon(x, level), level, x, generator=random).prev_sample
    ours = PredictorCorrector(Ancestral(variance))(MIXTURE.score(SDE), SDE, SHAPE, seeded(), STEPS).samples
    assert torch.allclose(ours, x, atol=2e-4)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim(eta: float):
    scheduler = diffusers.DDIMScheduler(**BETAS, clip_sample=False, timestep_spacing="linspace")
    scheduler.set_timesteps(STEPS)
    assert scheduler.timesteps.tolist() == SPACED
    random = seeded()
    x = torch.randn(SHAPE, generator=random) * SDE.prior_sigma
    scheduler.num_inference_steps = STEPS - 1  # a step goes back by 1000 // 27 = 37 levels
    for level in SPACED:
        x = scheduler.step(epsilon(x, level), level, x, eta=eta if level else 0.0, generator=random).prev_sample
    ours = DDIM(eta)(MIXTURE.score(SDE), SDE, SHAPE, seeded(), STEPS).samples
    assert torch.allclose(ours, x, atol=2e-4)


def test_dpm_solver():
    scheduler = diffusers.DPMSolverMultistepScheduler(**BETAS, algorithm_type="dpmsolver++", final_sigmas_type="zero")
    scheduler.set_timesteps(timesteps=SPACED)
    x = torch.randn(SHAPE, generator=seeded()) * SDE.prior_sigma
    for level in scheduler.timesteps:
        x = scheduler.step(epsilon(x, level), level, x).prev_sample
    ours = DPMSolver("time")(MIXTURE.score(SDE), SDE, SHAPE, seeded(), STEPS).samples
    assert torch.allclose(ours, x, atol=2e-4)


def test_dpm_solver_of_edm():
    sde = SMLD(1000, 0.002, 80.0)
    scheduler = diffusers.EDMDPMSolverMultistepScheduler(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5)
    scheduler.set_timesteps(10)
    x = torch.randn(SHAPE, generator=seeded()) * 80
    for sigma, level in zip(scheduler.sigmas, scheduler.timesteps, strict=False):
        denoised = sde.denoise(x, sde.time(sigma), MIXTURE.score(sde)(x, sde.time(sigma).expand(len(x))))
        skip, out = 0.25 / (sigma**2 + 0.25), sigma * 0.5 / (sigma**2 + 0.25) ** 0.5
        x = scheduler.step((denoised - skip * x) / out, level, x).prev_sample
    ours = DPMSolver("karras")(MIXTURE.score(sde), sde, SHAPE, seeded(), 10).samples
    assert torch.allclose(scheduler.sigmas[:-1].double(), sde.sigma(spaced(sde, 10, "karras")), rtol=1e-4)
    assert torch.allclose(ours, x, atol=1e-3)


def test_heun():
    scheduler = diffusers.HeunDiscreteScheduler(**BETAS, use_karras_sigmas=True)
    scheduler.set_timesteps(18)
    sigmas = scheduler.sigmas[:1].tolist() + scheduler.sigmas[1:-1:2].tolist()
    assert torch.allclose(SDE.ratio(spaced(SDE, 18, "karras")).float(), torch.tensor(sigmas), rtol=1e-4)
    start = torch.randn(SHAPE, generator=seeded()) * SDE.prior_sigma
    x, calls = start / SDE.alpha(torch.ones((), dtype=torch.float64)).float(), 0
    for sigma, level in zip(scheduler.sigmas[:-1], scheduler.timesteps, strict=True):
        t = SDE.time(sigma.double())
        noise = -SDE.sigma(t) * MIXTURE.score(SDE)((SDE.alpha(t) * x).float(), t.expand(len(x)))
        x, calls = scheduler.step(noise.float(), level, x).prev_sample, calls + 1
    ours = Heun()(MIXTURE.score(SDE), SDE, SHAPE, seeded(), 18)
    assert ours.evaluations == calls == 35
    assert torch.allclose(ours.samples, x, atol=2e-3)


def test_predictor_corrector():
    sde, steps, snr = SMLD(40), 40, 0.16
    scheduler = diffusers.ScoreSdeVeScheduler(num_train_timesteps=steps, snr=snr, sigma_min=0.01, sigma_max=50.0)
    scheduler.set_timesteps(steps)
    scheduler.set_sigmas(steps, sigma_min=0.01, sigma_max=50.0)
    random = seeded()
    x = torch.randn(SHAPE, generator=random) * 50
    for number, t in enumerate(scheduler.timesteps):
        level = torch.full((len(x),), 1 - number / (steps - 1), dtype=torch.float64)
        x = scheduler.step_correct(MIXTURE.score(sde)(x, level), x, generator=random).prev_sample
        step = scheduler.step_pred(MIXTURE.score(sde)(x, level), t, x, generator=random)
        x = step.prev_sample
    method = PredictorCorrector(ReverseDiffusion(), Langevin(snr, "batch"))
    ours = method(MIXTURE.score(sde), sde, SHAPE, seeded(), steps)
    assert ours.evaluations == 2 * steps
    assert torch.allclose(ours.samples, step.prev_sample_mean, atol=1e-3)
