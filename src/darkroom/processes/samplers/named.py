"""Samplers by name, as recipes and the command line call them."""

from collections.abc import Callable
from typing import Literal

from darkroom.core.errors import DarkroomError
from darkroom.processes.samplers.correctors import AnnealedLangevin, Corrector, Langevin
from darkroom.processes.samplers.ddim import DDIM
from darkroom.processes.samplers.dpm_solver import DPMSolver
from darkroom.processes.samplers.heun import Heun
from darkroom.processes.samplers.predictor_corrector import PredictorCorrector
from darkroom.processes.samplers.predictors import Ancestral, EulerMaruyama, NoPredictor, Predictor, ReverseDiffusion
from darkroom.processes.samplers.probability_flow import HeunFlow, RungeKutta45
from darkroom.processes.samplers.sampler import Sampler
from darkroom.processes.sde import SDE, VP

Norms = Literal["sample", "batch"]

_PREDICTORS: dict[str, Callable[[SDE], Predictor]] = {
    # The paper's ancestral sampler takes β as the variance for VP.
    "ancestral": lambda sde: Ancestral("forward" if isinstance(sde, VP) else "posterior"),
    "reverse_diffusion": lambda sde: ReverseDiffusion(),
    "flow": lambda sde: ReverseDiffusion(probability_flow=True),
    "euler_maruyama": lambda sde: EulerMaruyama(),
}

_DETERMINISTIC: dict[str, Callable[[], Sampler]] = {
    "rk45": RungeKutta45,
    "flow_heun": HeunFlow,
    "ddim": DDIM,
    "heun": Heun,
    "dpm_solver": DPMSolver,
}

NAMES = (
    *_PREDICTORS,
    *(f"{name}_pc" for name in _PREDICTORS),
    "langevin",
    "annealed_langevin",
    *_DETERMINISTIC,
)
"""Predictors alone, predictors with the Langevin corrector ("_pc"), correctors alone, and solvers of the probability flow."""


def sampler(name: str, sde: SDE, *, snr: float = 0.16, norms: Norms = "sample") -> Sampler:
    """A sampler by its name, with the paper's settings for a process.

    Args:
        name: one of `NAMES`.
        sde: the process that it is for.
        snr: signal-to-noise ratio of correctors.
        norms: see `Langevin`; the published numbers are with "batch".

    Raises:
        DarkroomError: there is none of this name.

    Example:
        >>> print(sampler("ancestral_pc", VP(), norms="batch"))
        ancestral (forward variance) with Langevin (signal-to-noise ratio 0.16, norms of the batch)
    """
    if name in _DETERMINISTIC:
        return _DETERMINISTIC[name]()
    correctors: dict[str, Corrector] = {"langevin": Langevin(snr, norms), "annealed_langevin": AnnealedLangevin(snr)}
    if name in correctors:
        return PredictorCorrector(NoPredictor(), correctors[name], corrections=2)
    predictor, _, corrected = name.partition("_pc")
    if name not in NAMES or corrected:
        raise DarkroomError(f"no sampler {name!r}; there are {', '.join(NAMES)}")
    return PredictorCorrector(_PREDICTORS[predictor](sde), correctors["langevin"] if name.endswith("_pc") else None)
