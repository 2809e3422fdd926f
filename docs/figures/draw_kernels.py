"""Draws kernels.jpg: what a kernel network estimates on held-out images beside the truth, and the images restored by its kernels.

    python docs/figures/draw_kernels.py RUN

RUN is a folder of the recipe `kernels` with one segment. Twelve images of BSD68 in colour, evenly spaced, each with a shake of its own;
prints the L1 distance of the kernels and the PSNR of each. A minute of one core.
"""

import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure

import darkroom
from darkroom.core.crops import centre_crops
from darkroom.core.images import to_float
from darkroom.data.named_sets import evaluation_images
from darkroom.data.shaken import DrawnForEachImage
from darkroom.metrics.fidelity import psnr
from darkroom.operators.kernel_field import KernelField
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair
from darkroom.recipes.kernels import ROWS
from darkroom.solvers.blind import Restoration, restorations

IMAGES, SIDE = 12, 160


def restored(shaken: torch.Tensor, field: KernelField) -> torch.Tensor:
    """The image after as many iterations of Richardson–Lucy as the recipe takes."""
    *_, last = restorations(shaken, field, Restoration())
    return last


def main(run: Path) -> None:
    network = darkroom.load(run).eval()
    pair = ShakenPair(CameraShake(33, exposures=ROWS["small"]["exposures"]), 1, 2.55, field_given=True)
    images = evaluation_images("bsd68")
    chosen = list(zip(images.names, images, strict=True))[:: len(images) // IMAGES][:IMAGES]
    figure = Figure(figsize=(IMAGES * 1.1, 5.9), layout="constrained")
    axes = figure.subplots(5, IMAGES)
    for column, (name, image) in zip(axes.T, chosen, strict=True):
        (degrade,) = DrawnForEachImage(pair)(name)
        shaken, sharp, field = degrade(to_float(image), torch.Generator())
        shaken, sharp = shaken[None], sharp[None, :, 16:-16, 16:-16]
        true = KernelField(*(part[None] for part in field))
        with torch.inference_mode():
            found = network(shaken)
            ours, best = restored(shaken, found), restored(shaken, true)
        distance = (found.mean_kernel - true.mean_kernel).abs().sum().item()
        scores = [psnr(result, sharp).item() for result in (shaken, ours, best)]
        print(
            f"{name}: kernels {distance:.2f}, shaken {scores[0]:.2f} dB, restored {scores[1]:.2f}, with the true kernel {scores[2]:.2f}"
        )
        crops = centre_crops(shaken[0], ours[0], best[0], side=SIDE)
        for place, crop, score in zip(column[[0, 3, 4]], crops, scores, strict=True):
            place.imshow(crop.permute(1, 2, 0).numpy())
            place.set_title(f"{score:.1f} dB", fontsize=8)
        for place, kernel in zip(column[[1, 2]], (true, found), strict=True):
            place.imshow(kernel.mean_kernel[0], cmap="gray_r")
        column[2].set_title(f"L1 {distance:.2f}", fontsize=8)
    for place, words in zip(axes[:, 0], ("shaken", "true kernel", "estimated", "restored", "by the true one"), strict=True):
        place.set_ylabel(words, fontsize=9)
    for place in axes.flat:
        place.set(xticks=[], yticks=[])
    figure.savefig(Path(__file__).with_name("kernels.jpg"), dpi=100, pil_kwargs={"quality": 88})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
