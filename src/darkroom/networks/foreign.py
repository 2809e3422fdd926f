"""Other people's checkpoints: recognise the network from its tensors."""

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

FAR = 1 << 20
"""The halo of a network of which nothing is known: farther than any image is wide."""


class Foreign(RestorationNetwork):
    """Somebody else's network, as spandrel builds it from a checkpoint's tensors.

    Images are padded to what the network asks for, and the answer is cropped and clipped to [0, 1].

    Args:
        descriptor: what spandrel returned: an image in, an image out, as many channels as came in.
    """

    def __init__(self, descriptor: "spandrel.ImageModelDescriptor") -> None:  # type: ignore[name-defined]
        super().__init__()
        self.name = descriptor.architecture.name
        self.channels, self.scale, self.halo = descriptor.input_channels, descriptor.scale, FAR
        window = getattr(descriptor.model, "window_size", 1)
        self.grid = math.lcm(max(1, descriptor.size_requirements.multiple_of), window if isinstance(window, int) else 1)
        self.model = descriptor.model
        self.descriptor = descriptor

    def forward(self, image: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height2 width2"]:
        """Restore; in [0, 1]."""
        return torch.cat([self.descriptor(one[None]) for one in image])


def read(path: Path) -> RestorationNetwork:
    """Read a `.pth`, `.pt` or `.safetensors` file that was not written here, and build its network.

    DnCNNs of every public port, SAFMN, SwinIR, and whatever spandrel knows: ESRGAN, HAT, NAFNet, SCUNet and some
    forty more. Nothing in the file is executed.

    Raises:
        DarkroomError: the file cannot be read, no known network has these tensors, or it takes more than an image.
    """
    state = weights.load(path)[0] if path.suffix == ".safetensors" else weights.load_pickled(path)
    ours = DnCNN.from_foreign(state) or SAFMN.from_foreign(state) or SwinIR.from_foreign(state)
    return ours or _by_spandrel(path, state)


def _by_spandrel(path: Path, state: dict[str, Tensor]) -> RestorationNetwork:
    import spandrel  # slow to import

    try:
        descriptor = spandrel.ModelLoader().load_from_state_dict(dict(state))
    except spandrel.UnsupportedModelError as error:
        shown = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in list(state.items())[:3])
        raise DarkroomError(
            f"{path} belongs to no network known here (DnCNN, and those of spandrel); its {len(state)} tensors begin with {shown}"
        ) from error
    except Exception as error:  # a detector took it for its own, and the tensors then did not fit
        raise DarkroomError(
            f"{path} looks like a known network, but its tensors do not fit: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(descriptor, spandrel.ImageModelDescriptor):
        raise DarkroomError(f"{path} holds {descriptor.architecture.name}, which needs a mask beside the image")
    if descriptor.input_channels != descriptor.output_channels or descriptor.input_channels not in (1, 3):
        raise DarkroomError(
            f"{path} holds {descriptor.architecture.name} with {descriptor.input_channels} channels in and "
            f"{descriptor.output_channels} out; images have 1 or 3"
        )
    return Foreign(descriptor)
