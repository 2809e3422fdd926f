"""Devices: which one to use, and what tables call it."""

import platform
from pathlib import Path
from typing import Literal

import torch

from darkroom.core.errors import DarkroomError

Accelerator = Literal["auto", "cpu", "cuda"]


def choose_device(accelerator: Accelerator = "auto") -> torch.device:
    """The device of an accelerator; "auto" is CUDA where there is a CUDA device, else the CPU.

    Raises:
        DarkroomError: CUDA was required and there is none.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise DarkroomError("--accelerator cuda: no CUDA device is available here; use --accelerator cpu")
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """What a table states as the device of a measurement."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{cpu_name()}, {threads} thread{'s' if threads != 1 else ''}"


def cpu_name() -> str:
    """The model of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
