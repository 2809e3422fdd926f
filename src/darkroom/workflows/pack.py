"""Weights in half precision, as the networks of the package have them."""

from dataclasses import dataclass
from pathlib import Path

import torch

from darkroom.core import weights as files
from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.engine.folder import weights_file
from darkroom.metrics.fidelity import psnr
from darkroom.operators.noise import Gaussian
from darkroom.operators.resample import downscale
from darkroom.recipes import trained

SIDE = 192
"""Side of the patches that both precisions are compared on."""


@dataclass(frozen=True)
class Packed:
    """A file in half precision, and its agreement with float32 on patches of three photographs, with noise of σ = 25 for a denoiser.

    Args:
        size: in bytes.
        levels: the largest difference of a pixel, on the 0–255 scale.
        psnr_difference: the largest change of the PSNR against the clean patch, in dB.
    """

    size: int
    levels: float
    psnr_difference: float


def pack(weights: str | Path, output: Path) -> Packed:
    """Write the weights of a restoration network with float16 tensors and the same header, and compare them with the original.

    Networks read such files as any others and compute in float32.

    Args:
        weights: a run's folder, "recipe/row" for one below `runs/`, or a weights file of Darkroom's.
        output: ends in .safetensors.

    Raises:
        DarkroomError: the weights cannot be read, or are not a restoration network's; or a weight does not fit into float16.
    """
    source = trained.weights_path(str(weights))
    before = trained.network(source)
    state, header = files.load(weights_file(source))
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    too_large = [name for name, tensor in half.items() if not torch.isfinite(tensor.float()).all()]
    if too_large:
        raise DarkroomError(f"{source} has weights beyond the range of float16, in {too_large[0]}: ship it in float32")
    files.save(output, half, header)
    after = trained.network(output)
    levels, difference = 0.0, 0.0
    for clean, image in _patches(before.channels == 1, before.scale):
        with torch.inference_mode():
            first, second = before(image), after(image)
        levels = max(levels, 255 * (first - second).abs().max().item())
        difference = max(difference, abs(psnr(first, clean) - psnr(second, clean)).item())
    return Packed(output.stat().st_size, levels, difference)


def _patches(grey: bool, scale: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Clean patches, and what a network is given of each."""
    clean = [to_float(image[:, 100 : 100 + SIDE, 100 : 100 + SIDE])[None] for image in embedded("heldout", grey=grey)]
    if scale > 1:
        return [(patch, downscale(patch, scale, "matlab")) for patch in clean]
    noise = Gaussian(25.0, quantised=True)
    return [(patch, noise(patch[0], generator("pack"))[0][None]) for patch in clean]
