"""Draws early_stopping.png: PSNR against the iterations of Richardson–Lucy with the true kernels, at three noise levels.

    python docs/figures/draw_early_stopping.py

The first four images of BSD68 in colour, each with a shake of its own (kernels of 33×33, whole trajectories); prints the table
of docs/results/blind_deblurring.md. About two minutes of one core.
"""

from pathlib import Path

import torch
from matplotlib.figure import Figure

from darkroom.core.images import to_float
from darkroom.data.named_sets import evaluation_images
from darkroom.data.shaken import DrawnForEachImage
from darkroom.metrics.fidelity import psnr
from darkroom.operators.kernel_field import KernelField
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair
from darkroom.solvers.blind import Restoration, restorations

IMAGES, STEPS, SIGMAS = 4, 100, (0.0, 2.55, 5.1)


def curve(sigma: float, smoothing: float = 0.0) -> tuple[float, list[float]]:
    """Mean PSNR of the blurred images, and after each iteration."""
    pair = ShakenPair(CameraShake(33, exposures=(1.0,)), 1, sigma, quantised=False, field_given=True)
    images = evaluation_images("bsd68").first(IMAGES)
    blurred, curves = [], []
    for name, image in zip(images.names, images, strict=True):
        (degrade,) = DrawnForEachImage(pair)(name)
        shaken, sharp, field = degrade(to_float(image), torch.Generator())
        sharp, batch = sharp[None, :, 16:-16, 16:-16], KernelField(*(part[None] for part in field))
        blurred.append(psnr(shaken[None], sharp).item())
        how = Restoration(STEPS, saturation=False, smoothing=smoothing)
        curves.append([psnr(restored, sharp).item() for restored in restorations(shaken[None], batch, how)])
    return sum(blurred) / IMAGES, torch.tensor(curves).mean(0).tolist()


def main() -> None:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    settings = [(sigma, 0.0) for sigma in SIGMAS] + [(2.55, 0.005)]
    for (sigma, smoothing), style in zip(settings, ("-", "-", "-", "--"), strict=True):
        start, values = curve(sigma, smoothing)
        best = max(range(STEPS), key=values.__getitem__)
        name = f"σ = {sigma:g}" + (f", total variation {smoothing:g}" if smoothing else "")
        (line,) = axes.plot(range(1, STEPS + 1), values, style, label=name)
        axes.plot(best + 1, values[best], "o", color=line.get_color())
        shown = ", ".join(f"{step}: {values[step - 1]:.2f}" for step in (1, 5, 10, 20, 30, 50, 75, 100))
        print(f"{name}: blurred {start:.2f}, best {values[best]:.2f} at {best + 1}; {shown}", flush=True)
    axes.axvline(30, color="black", linewidth=0.8, linestyle=":")
    axes.text(31, axes.get_ylim()[0], " default", va="bottom", fontsize=8)
    axes.set_xlabel("iterations of Richardson–Lucy")
    axes.set_ylabel("PSNR (dB)")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(Path(__file__).with_name("early_stopping.png"), dpi=120)


if __name__ == "__main__":
    main()
