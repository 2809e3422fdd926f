"""Draws generators.jpg: three generators of deblurring, over their training and side by side.

    python docs/figures/draw_generators.py RUN ...

RUNs are finished runs of the recipes `deblurgan` and `nafnet`, rows `small` and `small_asapnet`. Above, validation against minutes of
training (Fréchet distance in random features); below, held-out images. Prints the table of docs/results/blind_deblurring.md.
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
from darkroom.engine.folder import RunFolder
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair
from darkroom.report.trained_run import TrainedRun, read

IMAGES, SIDE = (2, 5, 9), 176
TITLES = {"psnr": "PSNR (dB)", "ssim": "SSIM", "frechet_random": "Fréchet distance"}


def curves(axes, run: TrainedRun, name: str) -> None:
    """Validation of one run against minutes of training."""
    ours = run.results[0]
    seconds = ours.training_seconds / ours.step
    for place, metric in zip(axes, TITLES, strict=True):
        steps, values = zip(*run.curves["validation", f"{metric}@bsd100"], strict=True)
        place.plot([step * seconds / 60 for step in steps], values, label=name)
        place.set(title=TITLES[metric], xlabel="minutes of training")
        place.grid(alpha=0.25)


def pictures(axes, folders: list[Path], names: list[str]) -> None:
    """Rows of held-out images: shaken, restored by each network, sharp."""
    networks = [darkroom.load(folder).eval() for folder in folders]
    images = evaluation_images("bsd100")
    shakes = DrawnForEachImage(ShakenPair(CameraShake(33)))
    for row, number in zip(axes, IMAGES, strict=True):
        (degrade,) = shakes(images.names[number])
        shaken, sharp, _ = degrade(to_float(images[number]), torch.Generator())
        with torch.inference_mode():
            restored = [network(shaken[None])[0] for network in networks]
        for place, crop in zip(row, centre_crops(shaken, *restored, sharp, side=SIDE), strict=True):
            place.imshow(crop.permute(1, 2, 0).numpy())
            place.set(xticks=[], yticks=[])
    for place, words in zip(axes[0], ("shaken", *names, "sharp"), strict=True):
        place.set_title(words, fontsize=9)


def main(folders: list[Path]) -> None:
    runs = [read(RunFolder(folder)) for folder in folders]
    names = [run.record.recipe if run.record.row == "small" else f"{run.record.recipe} {run.record.row}" for run in runs]
    figure = Figure(figsize=(2.1 * (len(runs) + 2), 9.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 2))
    plots = above.subplots(1, 3)
    for run, name in zip(runs, names, strict=True):
        curves(plots, run, name)
        for result in run.results:
            print(name, result.dataset, result.method, result.metric, f"{result.value:.4f}", f"{result.seconds:.2f} s")
    plots[0].legend(frameon=False, fontsize=8)
    pictures(below.subplots(len(IMAGES), len(runs) + 2), folders, names)
    figure.savefig(Path(__file__).with_name("generators.jpg"), dpi=100, pil_kwargs={"quality": 88})


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
