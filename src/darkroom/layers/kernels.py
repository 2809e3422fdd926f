"""Whether Triton kernels can run: where they cannot, the same is computed in PyTorch."""

import importlib.util
import os
from functools import cache

from torch import Tensor

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
"""Triton interprets its kernels on the CPU, which is for tests: it is very slow."""


@cache
def installed() -> bool:
    """Whether Triton is installed (PyTorch brings it along on Linux) and not switched off by `DARKROOM_KERNELS=0`."""
    return importlib.util.find_spec("triton") is not None and os.environ.get("DARKROOM_KERNELS") != "0"


def usable(*tensors: Tensor) -> bool:
    """Whether kernels can compute with these tensors: float32 or integers on a GPU, or on the CPU where Triton interprets.

    Example:
        >>> import torch
        >>> usable(torch.zeros(3, dtype=torch.float64))  # nowhere in double precision
        False
    """
    place = "cpu" if INTERPRETED else "cuda"
    return installed() and all(tensor.device.type == place and tensor.element_size() <= 4 for tensor in tensors)
