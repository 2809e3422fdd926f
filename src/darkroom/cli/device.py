"""What to compute on."""

from typing import Literal

import torch

from darkroom.core.errors import DarkroomError

Accelerator = Literal["auto", "cpu", "cuda"]


def chosen(accelerator: Accelerator) -> torch.device:
    """The device that was asked for; by default CUDA where there is one.

    Raises:
        DarkroomError: CUDA was asked for and there is none.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise DarkroomError("--accelerator cuda: no CUDA device is available here; use --accelerator cpu")
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")
