"""Several processes: which one this is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """This process among those that share a job.

    Args:
        number: of this process, from 0.
        processes: their number.
        here: of this process on its machine, from 0.
    """

    number: int = 0
    processes: int = 1
    here: int = 0


NUMBERED_BY = (("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"))
"""Environment variables of torchrun, which `--processes` sets too, and of Slurm's srun."""


def place(environment: Mapping[str, str] = os.environ) -> Place:
    """The place that torchrun, Slurm or `--processes` gave this process; otherwise it is alone.

    Example:
        >>> place({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"})
        Place(number=5, processes=8, here=1)
        >>> place({})
        Place(number=0, processes=1, here=0)
    """
    for names in NUMBERED_BY:
        words = [environment.get(name, "") for name in names]
        if all(word.isdigit() for word in words):
            number, processes, here = map(int, words)
            if number < processes:
                return Place(number, processes, here)
    return Place()


def is_first() -> bool:
    """Whether this process prints and claims folders on its machine; a single process is the first."""
    return os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0")) == "0"
