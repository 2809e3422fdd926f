"""Ordinary tensors inside of inference mode, for samplers that differentiate."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def ordinary_tensors() -> AbstractContextManager[Any]:
    """Leaves inference mode, if it is on: its tensors cannot be part of a graph. Gradients are as before."""
    return torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext()
