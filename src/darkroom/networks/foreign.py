"""Other people's checkpoints: recognise the network from its tensors."""

from pathlib import Path

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.networks.dncnn import DnCNN

_RECOGNISERS = {"DnCNN (plain sequential)": DnCNN.from_foreign}


def read(path: Path) -> RestorationNetwork:
    """Read a `.pth`, `.pt` or `.safetensors` file that was not written here, and build its network.

    Nothing in the file is executed.

    Raises:
        DarkroomError: the file cannot be read, or no known network has these tensors.
    """
    state = weights.load(path)[0] if path.suffix == ".safetensors" else weights.load_pickled(path)
    for recognise in _RECOGNISERS.values():
        network = recognise(state)
        if network is not None:
            return network
    shown = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in list(state.items())[:3])
    raise DarkroomError(
        f"{path} belongs to no network known here ({', '.join(_RECOGNISERS)}); its {len(state)} tensors begin with {shown}"
    )
