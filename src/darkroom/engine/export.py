"""Export of restoration networks: ONNX and torch.export, in float32, float16 or int8, checked against PyTorch on photographs."""

import importlib.util
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.core.files import replacing
from darkroom.core.images import to_float
from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.quantise import quantise
from darkroom.engine.restorer import fused
from darkroom.engine.tiling import Tiling
from darkroom.layers.padding import pad_to_multiple
from darkroom.metrics.fidelity import psnr
from darkroom.networks.onnx_network import OnnxNetwork, write_properties
from darkroom.operators.noise import Gaussian

ExportPrecision = Literal["32", "16", "int8"]

CHECKED = ((96, 96), (120, 168))
"""Sizes of the inputs, in pixels, on which the file is compared with PyTorch; rounded up to the network's grid."""


@dataclass(frozen=True)
class ExportCheck:
    """An exported file against the network in PyTorch (float32), on noisy or downscaled crops of embedded photographs.

    Args:
        difference: largest absolute difference of an output value; images are in [0, 1].
        psnr, psnr_exported: mean PSNR to the clean photographs in dB, of the network and of the file.
        megabytes: size of the file.
        loss: how far the PSNR falls in int8, in dB, as `quantise` measures it; 0 for other precisions.
    """

    difference: float
    psnr: float
    psnr_exported: float
    megabytes: float
    loss: float = 0.0


def export(network: RestorationNetwork, path: Path, precision: ExportPrecision = "32") -> ExportCheck:
    """Write a network to an ONNX file (`.onnx`) or as an exported program of PyTorch (`.pt2`), and compare it with PyTorch.

    The file takes `image`, `(batch, channels, height, width)` in [0, 1] with sides that are multiples of `grid`, and for a
    noise-conditional network `sigma`, `(1,)`, in the image's units, and one image. Height, width and batch are dynamic. Its metadata has the
    network's properties, so that `OnnxNetwork` runs it in tiles. Batch normalisation is folded.

    Args:
        network: the network.
        path: of the file; its suffix chooses the format.
        precision: "16" stores weights in half the size and computes in float16 where the device does; "int8" quantises the convolutions
            between the outermost, per output channel, with ranges measured on noisy embedded photographs; see `quantise`.

    Raises:
        DarkroomError: the suffix is unknown, a package is missing, or the network's code cannot be exported.
    """
    if path.suffix not in (".onnx", ".pt2"):
        raise DarkroomError(
            f"{path}: networks are exported to .onnx or .pt2 files; given the suffix {path.suffix or '(none)'!r}"
        )
    if path.suffix == ".pt2" and precision != "32":
        raise DarkroomError(f"{path}: precision {precision} is for .onnx files; a .pt2 file has float32")
    if type(network).finish is not RestorationNetwork.finish:
        raise DarkroomError(
            f"{type(network).__name__} cannot be exported: its last operation is on the whole image, which is restored in tiles"
        )
    network = fused(network).cpu()
    program, loss = _program(network), 0.0
    with replacing(path) as temporary:
        if path.suffix == ".pt2":
            with tempfile.TemporaryDirectory() as folder:  # torch insists on the suffix
                torch.export.save(program, Path(folder) / "network.pt2")
                shutil.move(Path(folder) / "network.pt2", temporary)
        else:
            loss = _write_onnx(network, program, temporary, precision)
    return replace(check(network, path), loss=loss)


def check(network: RestorationNetwork, path: Path) -> ExportCheck:
    """Compare an exported file with its network on embedded photographs.

    Raises:
        DarkroomError: the file cannot be read.
    """
    exported: Callable[..., Tensor] = OnnxNetwork(path) if path.suffix == ".onnx" else torch.export.load(path).module()
    differences, scores = [], []
    for clean, degraded, condition in _examples(network):
        with torch.inference_mode():
            expected, found = network(degraded, *condition), exported(degraded, *condition)
        differences.append((expected - found).abs().max().item())
        scores.append([psnr(image.clamp(0, 1), clean).item() for image in (expected, found)])
    ours, theirs = (sum(column) / len(column) for column in zip(*scores, strict=True))
    return ExportCheck(max(differences), ours, theirs, path.stat().st_size / 1e6)


def _examples(network: RestorationNetwork) -> Iterator[tuple[Tensor, Tensor, tuple[Tensor, ...]]]:
    """Clean photographs, their degraded versions, and conditions."""
    images = embedded("heldout", grey=network.channels == 1)
    for index, size in enumerate(CHECKED):
        height, width = (-(-side // network.grid) * network.grid * network.scale for side in size)
        clean = to_float(images[index][:, 60 : 60 + height, 80 : 80 + width])[None]
        if clean.shape[-2:] != (height, width):
            clean = pad_to_multiple(clean, network.grid * network.scale)
        if network.scale > 1:
            yield clean, nn.functional.avg_pool2d(clean, network.scale), ()
        else:
            noisy = Gaussian(25.0)(clean[0], generator("export", index))[0][None]
            yield clean, noisy, (torch.tensor([25 / 255]),) if network.noise_conditional else ()


def _program(network: RestorationNetwork) -> torch.export.ExportedProgram:
    """The network's graph with dynamic sizes.

    Raises:
        DarkroomError: its code depends on the size in a way that cannot be traced.
    """
    grid = network.grid
    arguments: tuple[Tensor, ...]
    shapes: tuple[Any, ...]
    # The example's sides differ, and from other sizes in the network, so that none is taken for a constant.
    image = torch.zeros(1 if network.noise_conditional else 2, network.channels, 12 * grid + 24 // grid * grid, 18 * grid)
    height, width = (torch.export.Dim(name, min=2, max=1 << 14) for name in ("height", "width"))
    sides = {2: grid * height, 3: grid * width} if grid > 1 else {2: height, 3: width}
    if network.noise_conditional:
        arguments, shapes = (image, torch.tensor([0.1])), (sides, None)
    else:
        arguments, shapes = (image,), ({0: torch.export.Dim("batch", min=1, max=1024), **sides},)
    try:
        with _quiet():
            return torch.export.export(_Named(network), arguments, dynamic_shapes=shapes)
    except Exception as error:  # torch.export has no common class of errors
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise DarkroomError(
            f"{type(network).__name__} cannot be exported for images of any size: its code depends on the size ({line[:160]})"
        ) from error


class _Named(nn.Module):
    """A network with the names of an exported file's inputs."""

    def __init__(self, network: RestorationNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, sigma: Tensor | None = None) -> Tensor:
        return self.network(image) if sigma is None else self.network(image, sigma)  # type: ignore[no-any-return]


def _write_onnx(network: RestorationNetwork, program: Any, path: Path, precision: ExportPrecision) -> float:
    """Write the file; how far the PSNR falls in int8."""
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if not importlib.util.find_spec(name)]
    if missing:
        raise DarkroomError(f"to export ONNX files, {', '.join(missing)} must be installed: {install('export')}")
    import onnx

    inputs = ["image", "sigma"] if network.noise_conditional else ["image"]
    properties, loss = _properties(network, precision), 0.0
    with tempfile.TemporaryDirectory() as folder, _quiet():
        file = Path(folder) / "network.onnx"
        torch.onnx.export(
            program,
            (),
            str(file),
            dynamo=True,
            verbose=False,
            external_data=False,
            input_names=inputs,
            output_names=["restored"],
        )
        if precision == "int8":
            loss = quantise(network, file, properties)
        elif precision == "16":
            from onnxruntime.transformers.float16 import convert_float_to_float16

            onnx.save(convert_float_to_float16(onnx.load(str(file)), keep_io_types=True), str(file))
        write_properties(file, properties)
        shutil.move(file, path)
    return loss


def _properties(network: RestorationNetwork, precision: ExportPrecision) -> dict[str, Any]:
    found = {name: getattr(network, name) for name in ("channels", "scale", "grid", "halo", "noise_conditional")}
    sigma = (torch.tensor([0.1]),) if network.noise_conditional else ()
    with torch.inference_mode():
        found["bytes_per_pixel"] = Tiling.of(network).bytes_per_pixel(
            lambda side: network(torch.zeros(1, network.channels, side, side), *sigma)
        )
    return {**found, "precision": precision}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' own remarks on their progress and on deprecations in their code."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
