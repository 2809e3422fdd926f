"""Checkpoints of other programs: the network is recognised by the names and shapes of its tensors."""

import importlib.util
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core import torch_files, weights
from darkroom.core.allocation import limited_by
from darkroom.core.errors import DarkroomError, about
from darkroom.core.extras import install
from darkroom.core.network import RestorationNetwork
from darkroom.networks.deblurgan import DeblurGAN
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.ffdnet import FFDNet
from darkroom.networks.imdn import IMDN
from darkroom.networks.kernel_net import KernelNet
from darkroom.networks.onnx_network import OnnxNetwork
from darkroom.networks.rfdn import RFDN
from darkroom.networks.safmn import SAFMN
from darkroom.networks.swinir import SwinIR

Own = DeblurGAN | DnCNN | FFDNet | IMDN | KernelNet | RFDN | SAFMN | SwinIR
OWN: tuple[type[Own], ...] = (DeblurGAN, DnCNN, FFDNet, IMDN, KernelNet, RFDN, SAFMN, SwinIR)
"""Networks of this library that also exist as public checkpoints; they are tried first."""

VARIANTS = ("FDnCNN", "IRCNN")
"""Networks that are read as variants of DnCNN."""

NOT_RESTORATION = frozenset({"LaMa", "GFPGAN", "RestoreFormer"})
"""Networks of spandrel that do not restore any image by itself: inpainting needs a mask, face networks take aligned faces."""

NOT_READ = {
    "IMDN_AS": {"fea_conv.0.weight", "IMDB1.c1.weight"},
    "the simplified IMDN of AIM 2019": {"model.1.sub.0.conv1.0.weight", "model.1.sub.0.conv1x1.weight"},
    "EDSR": {"head.0.weight", "body.0.body.0.weight", "tail.0.0.weight"},
    "Restormer": {"patch_embed.proj.weight", "encoder_level1.0.attn.temperature"},
    "MPRNet": {"stage1_encoder.encoder_level1.0.body.0.weight"},
}
"""Well-known networks that cannot be read, by the names of some of their tensors."""

UNKNOWN_HALO = 1 << 20
"""Halo of a network whose receptive field is not known; larger than any image."""

_PREFIXES = (
    *("ema_model", "model_ema", "ema", "module", "_orig_mod", "model"),
    *("net", "network", "generator", "net_g", "netG", "denoiser"),
)
"""First parts of names that are a program's, not the network's; averaged weights first."""


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
    """The names of the networks whose checkpoints `read` recognises; those of spandrel are among them where it is installed.

    Example:
        >>> {"DnCNN", "ESRGAN", "FFDNet", "IMDN", "NAFNet", "SCUNet", "SwinIR"} <= set(readable())
        True
    """
    names = {network.__name__ for network in OWN} | {*VARIANTS}
    if importlib.util.find_spec("spandrel"):
        import spandrel  # slow to import

        names |= {item.architecture.name for item in spandrel.MAIN_REGISTRY.architectures()} - NOT_RESTORATION
    return sorted(names, key=str.lower)


def read(path: Path) -> RestorationNetwork | KernelNet:
    """Build the network of a `.pth`, `.pt` or `.safetensors` file of another program, and load its weights.

    An `.onnx` file that `darkroom export` wrote is run by ONNX Runtime.

    DeblurGAN, DnCNN, FDnCNN and IRCNN (all common ports), FFDNet, IMDN, KernelNet, RFDN, SAFMN and SwinIR are this library's; others are
    spandrel's, such as ESRGAN, HAT, NAFNet and SCUNet; see `readable`. Prefixes of names (`model.`, `net.`), also two of them, and
    tensors outside them, as training programs write them, are removed. Nothing in the file is executed, and no more memory is taken
    than its size justifies.

    Raises:
        DarkroomError: the file cannot be read, a weight is not finite, its tensors fit no network of `readable`, they give no image
            from a test image, or the network's input is not one image of 1 or 3 channels.
    """
    if path.suffix == ".onnx":
        return OnnxNetwork(path)
    state = weights.load(path)[0] if weights.is_safetensors(path) else torch_files.load(path)
    with limited_by(path):
        for variant in _without_prefixes(state):
            for network in OWN:
                with about(path):
                    found = _own(network, variant)
                if found is not None:
                    return found
        return _by_spandrel(path, state)


def _own(network: type[Own], state: Mapping[str, Tensor]) -> RestorationNetwork | KernelNet | None:
    """The network of a checkpoint; None if it is of another network, also where some tensors have the right names."""
    try:
        return network.from_state_dict(state)
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, ZeroDivisionError):
        return None


def _without_prefixes(state: Mapping[str, Tensor], depth: int = 3) -> Iterator[Mapping[str, Tensor]]:
    """The state, and the part of it below each prefix of `_PREFIXES`, down to three prefixes."""
    yield state
    present = {name.partition(".")[0] for name in state}
    for prefix in _PREFIXES if depth else ():
        if prefix in present:
            begin = f"{prefix}."
            below = {name.removeprefix(begin): tensor for name, tensor in state.items() if name.startswith(begin)}
            yield from _without_prefixes(below, depth - 1)


def _by_spandrel(path: Path, state: Mapping[str, Tensor]) -> RestorationNetwork:
    if not importlib.util.find_spec("spandrel"):
        raise DarkroomError(
            f"{path} is of none of {', '.join(readable())}; others, such as ESRGAN, NAFNet and SCUNet, need spandrel: "
            f"{install('foreign')}"
        )
    import spandrel  # slow to import

    failure: Exception | None = None
    for variant in _without_prefixes(state):
        try:
            return _checked(path, spandrel.ModelLoader().load_from_state_dict(dict(variant)))
        except spandrel.UnsupportedModelError:
            continue
        except DarkroomError:
            raise
        except Exception as error:  # recognised by name, but the shapes do not fit
            failure = failure or error
    for name, tensors in NOT_READ.items():
        if any(tensors <= variant.keys() for variant in _without_prefixes(state)):
            raise DarkroomError(f"{path} holds {name}, which cannot be read; networks that can are {', '.join(readable())}")
    if failure is not None:
        raise DarkroomError(
            f"{path} has the tensors' names of a known network, but not their shapes: {next(iter(str(failure).splitlines()), '')}"
        ) from failure
    shown = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in list(state.items())[:3])
    raise DarkroomError(
        f"{path} is of no network that can be read ({', '.join(readable())}); its {len(state)} tensors begin with {shown}; weights "
        "that Darkroom trained are read where their file has its header"
    )


def _checked(path: Path, descriptor: "spandrel.ModelDescriptor") -> SpandrelNetwork:  # type: ignore[name-defined]
    import spandrel

    name = descriptor.architecture.name
    if name in NOT_RESTORATION or not isinstance(descriptor, spandrel.ImageModelDescriptor):
        raise DarkroomError(f"{path} holds {name}, for inpainting or aligned faces; it does not restore any image by itself")
    if descriptor.input_channels != descriptor.output_channels or descriptor.input_channels not in (1, 3):
        raise DarkroomError(
            f"{path} holds {name} with {descriptor.input_channels} input and {descriptor.output_channels} output channels; "
            "images have 1 or 3"
        )
    return SpandrelNetwork(descriptor)
