"""The device of this process."""

import torch

from darkroom.engine.devices import choose_device
from darkroom.workflows.options import Accelerator
from darkroom.workflows.processes import place


def own_device(accelerator: Accelerator) -> torch.device:
    """The device of this process: processes on one machine take its GPUs in turn."""
    device, here = choose_device(accelerator), place()
    return (
        torch.device("cuda", here.here % torch.cuda.device_count()) if device.type == "cuda" and here.processes > 1 else device
    )
