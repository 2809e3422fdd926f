"""Where between noise and image a sampler evaluates the score."""

from typing import Literal

import torch
from torch import Tensor

from darkroom.processes.sde import SDE

Spacing = Literal["time", "log_snr", "karras"]
"""Evenly spaced in time; in log α/σ; or in (σ/α)^(1/7), which puts most steps at small noise levels."""

RHO = 7.0
"""ρ of Karras et al. 2022."""


def spaced(sde: SDE, steps: int, spacing: Spacing) -> Tensor:
    """`steps` times from 1 down to the process's `epsilon`, float64 on the CPU.

    Source: Karras et al. 2022, eq. 5, for "karras"; Lu et al. 2022 (DPM-Solver), section 3.4, for "log_snr".

    Example:
        >>> from darkroom.processes.sde import VE
        >>> [f"{level:.3g}" for level in VE(0.01, 100.0).sigma(spaced(VE(0.01, 100.0), 3, "log_snr"))]
        ['100', '1', '0.01']
    """
    times = sde.times(steps)
    if spacing == "time":
        return times
    ends = sde.ratio(torch.stack([times[0], times[-1]]))
    share = torch.linspace(0, 1, steps, dtype=torch.float64, device="cpu")
    if spacing == "log_snr":
        ratios = (ends[0].log() + share * (ends[1].log() - ends[0].log())).exp()
    else:
        ratios = (ends[0] ** (1 / RHO) + share * (ends[1] ** (1 / RHO) - ends[0] ** (1 / RHO))) ** RHO
    inner = sde.time(ratios[1:-1])
    return torch.cat([times[:1], inner, times[-1:]])
