"""Draws generation.png and generation_samples.png: quality against compute for samplers of a score model and of a GAN, on digits.

    python docs/figures/draw_generation.py SCORE_RUN GAN_RUN

Arguments are run folders with as many samples in each evaluation; prints the table of docs/results/generation.md.
"""

import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure

from darkroom.core.dataset import float_example
from darkroom.data.generation_sets import generation_images
from darkroom.engine.folder import RunFolder
from darkroom.evaluations.grid import grid
from darkroom.methods.gan import GAN
from darkroom.processes.noise import generators
from darkroom.workflows.sample import load_generator

SHOWN = ["generator", "ddls:0.04:1@50", "ddls:0.04:0.1@50", "ddls:0.16:0.1@50"]
SIDE = 6

Cells = dict[str, dict[int, dict[str, float]]]
"""By sampler, steps and metric; "distance" is the Fréchet distance."""


def read(run: Path) -> tuple[Cells, float]:
    """What a run's samplers reach and cost, and the distance of the test images."""
    cells, real = Cells(), float("nan")
    for result in RunFolder(run).read_results():
        metric = "distance" if result.metric.startswith("frechet") else result.metric
        if result.method != "ours":
            real = result.value if metric == "distance" else real
            continue
        place = cells.setdefault(str(result.variant["sampler"]), {}).setdefault(int(result.variant.get("steps", 0)), {})
        place |= {metric: result.value, "seconds": result.seconds}
    return cells, real


def curves(axes, cells: Cells, cost: str, title: str, *, faint: bool = False, without: str = "") -> None:
    """A line for each sampler but `without`."""
    for number, (sampler, places) in enumerate(cells.items()):
        if sampler == without:
            continue
        points = sorted((place[cost], place["distance"]) for place in places.values())
        style = dict(color="0.7", linewidth=0.8) if faint else dict(color=f"C{number % 10}")
        marker = "." if faint else "osv^D<>pX*"[number // 10 % 10] if len(cells) > 10 else "o"
        axes.plot(*zip(*points, strict=True), marker=marker, markersize=4, label=None if faint else sampler, **style)
    axes.set(xscale="log", yscale="log", title=title)
    axes.grid(alpha=0.25)


def draw_curves(score: Cells, gan: Cells, real: float) -> None:
    """Evaluations of one score network; chains of the GAN; both against multiply-adds and against seconds."""
    figure = Figure(figsize=(13, 9), layout="constrained")
    (above, chains_of_gan), (work, time) = figure.subplots(2, 2, sharey=True)
    curves(above, score, "network_evaluations", "one score network")
    curves(chains_of_gan, gan, "network_evaluations", "one GAN: chains of DDLS (step size:noise)", without="generator")
    chains_of_gan.axhline(
        gan["generator"][0]["distance"], color="black", linestyle="--", linewidth=0.8, label="generator alone"
    )
    for axes, cost in ((work, "giga_multiply_adds"), (time, "seconds")):
        curves(axes, score, cost, "equal compute (grey: the score network)", faint=True)
        curves(axes, gan, cost, "equal compute (grey: the score network)")
    for axes in (above, chains_of_gan, work, time):
        axes.axhline(real, color="black", linestyle=":", linewidth=0.8, label="test images")
        axes.legend(frameon=False, fontsize=7, ncols=2)
        axes.set(xlabel="network evaluations of a sample", ylabel="Fréchet distance (random network)")
    work.set_xlabel("multiply-adds of a sample (G)")
    time.set_xlabel("seconds of a sample, in batches, one thread")
    figure.savefig(Path(__file__).with_name("generation.png"), dpi=90)


def draw_samples(gan_run: Path, score_run: Path) -> None:
    """Samples from the same latents by several samplers, of the score model, and training images."""
    gan, score = load_generator(gan_run, accelerator="cpu"), load_generator(score_run, accelerator="cpu")
    assert isinstance(gan, GAN)
    count, shown = SIDE**2, dict[str, torch.Tensor]()
    for name in SHOWN:
        sampler, _, steps = name.partition("@")
        random = generators(torch.Generator().manual_seed(0), count)
        shown[f"GAN, {name}"] = gan.draw(count, random, sampler=sampler, steps=int(steps or 0)).images
    shown["score model, dpm_solver@20"] = score.sample(count, torch.Generator().manual_seed(0), sampler="dpm_solver", steps=20)
    images = generation_images("digits", "train")
    images.open()
    shown["training images"] = torch.stack([float_example(images.example(index)).target for index in range(count)])
    figure = Figure(figsize=(13, 2.5), layout="constrained")
    for axes, (name, samples) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
        axes.imshow(grid(list(samples), SIDE)[0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(name, fontsize=8)
        axes.axis("off")
    figure.savefig(Path(__file__).with_name("generation_samples.png"), dpi=110)


def main() -> None:
    score_run, gan_run = map(Path, sys.argv[1:3])
    (score, real), (gan, _) = read(score_run), read(gan_run)
    print("| sampler | steps | evaluations | multiply-adds (G) | Fréchet |\n|---|---|---|---|---|")
    for name, places in {**score, **gan}.items():
        for steps, place in sorted(places.items()):
            numbers = f"{place['network_evaluations']:.0f} | {place['giga_multiply_adds']:.4f} | {place['distance']:.2f}"
            print(f"| {name} | {steps or '–'} | {numbers} |")
    print(f"| test images | | | | {real:.2f} |")
    draw_curves(score, gan, real)
    draw_samples(gan_run, score_run)


if __name__ == "__main__":
    main()
