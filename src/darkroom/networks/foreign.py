"""Checkpoints of other programs: the network is recognised by the names and shapes of its tensors."""

import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.safmn import SAFMN
from darkroom.networks.swinir import SwinIR

OWN = (DnCNN, SAFMN, SwinIR)
"""Networks of this library that also exist as public checkpoints; they are tried first."""

NOT_RESTORATION = frozenset({"LaMa", "GFPGAN", "RestoreFormer"})
"""Networks of spandrel that do not restore any image by itself: inpainting needs a mask, face networks take aligned faces."""

UNKNOWN_HALO = 1 << 20
"""Halo of a network whose receptive field is not known; larger than any image."""


class SpandrelNetwork(RestorationNetwork):
    """A network of another program, built by spandrel from a checkpoint's tensors.

    Images are padded to the sizes that the network takes; the output is cropped, and clipped to [0, 1].

    Args:
        descriptor: of a network from an image to an image with as many channels, as spandrel returns it.
    """

    def __init__(self, descriptor: "spandrel.ImageModelDescriptor") -> None:  # type: ignore[name-defined]
        super().__init__()
        self.name = descriptor.architecture.name
        self.channels, self.scale, self.halo = descriptor.input_channels, descriptor.scale, UNKNOWN_HALO
        window = getattr(descriptor.model, "window_size", 1)
        self.grid = math.lcm(max(1, descriptor.size_requirements.multiple_of), window if isinstance(window, int) else 1)
        self.model = descriptor.model
        self.descriptor = descriptor

    def forward(self, image: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height2 width2"]:
        """Restore images in [0, 1]; the output is in [0, 1]."""
        return torch.cat([self.descriptor(one[None]) for one in image])


def readable() -> list[str]:
    """The names of the networks whose checkpoints `read` recognises.

    Example:
        >>> {"DnCNN", "ESRGAN", "NAFNet", "SCUNet", "SwinIR"} <= set(readable())
        True
    """
    import spandrel  # slow to import

    theirs = {item.architecture.name for item in spandrel.MAIN_REGISTRY.architectures()} - NOT_RESTORATION
    return sorted({network.__name__ for network in OWN} | theirs, key=str.lower)


def read(path: Path) -> RestorationNetwork:
    """Build the network of a `.pth`, `.pt` or `.safetensors` file of another program, and load its weights.

    DnCNN (all common ports), SAFMN and SwinIR are this library's; others are spandrel's, such as ESRGAN, HAT, NAFNet and SCUNet;
    see `readable`. Nothing in the file is executed.

    Raises:
        DarkroomError: the file cannot be read, its tensors fit no network of `readable`, or the network's input is not one image
            of 1 or 3 channels.
    """
    state = weights.load(path)[0] if path.suffix == ".safetensors" else weights.load_pickled(path)
    for network in OWN:
        found = network.from_state_dict(state)
        if found is not None:
            return found
    return _by_spandrel(path, state)


def _by_spandrel(path: Path, state: dict[str, Tensor]) -> RestorationNetwork:
    import spandrel  # slow to import

    try:
        descriptor = spandrel.ModelLoader().load_from_state_dict(dict(state))
    except spandrel.UnsupportedModelError as error:
        shown = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in list(state.items())[:3])
        raise DarkroomError(
            f"{path} is of no network that can be read ({', '.join(readable())}); its {len(state)} tensors begin with {shown}"
        ) from error
    except Exception as error:  # recognised by name, but the shapes do not fit
        raise DarkroomError(
            f"{path} has the tensors' names of a known network, but not their shapes: {str(error).splitlines()[0]}"
        ) from error
    name = descriptor.architecture.name
    if name in NOT_RESTORATION or not isinstance(descriptor, spandrel.ImageModelDescriptor):
        raise DarkroomError(f"{path} holds {name}, for inpainting or aligned faces; it does not restore any image by itself")
    if descriptor.input_channels != descriptor.output_channels or descriptor.input_channels not in (1, 3):
        raise DarkroomError(
            f"{path} holds {name} with {descriptor.input_channels} input and {descriptor.output_channels} output channels; "
            "images have 1 or 3"
        )
    return SpandrelNetwork(descriptor)
