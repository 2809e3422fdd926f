"""`darkroom sample`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from darkroom.cli.parse import parse
from darkroom.cli.progress import Bars
from darkroom.core.errors import DarkroomError
from darkroom.core.threads import Threads
from darkroom.recipes.paths import weights_path
from darkroom.recipes.ranges import AT_LEAST_0, AT_LEAST_1, THREADS, Range
from darkroom.workflows.options import Accelerator

if TYPE_CHECKING:
    from torch import Tensor

    from darkroom.core.generative import GenerativeMethod


@dataclass
class Sample:
    """Draw samples of a trained generator: a grid, and a PNG file for each.

    Example: darkroom sample runs/score_sde/laptop -o digits --count 64 --sampler dpm_solver --steps 20

    A GAN is sampled by its generator alone, or by Langevin dynamics of its latents, with the step size and noise level of the row or
    others.

    Example: darkroom sample runs/gan_ebm/laptop -o digits --sampler ddls:0.1:0.5 --steps 50

    With --image, a score model completes an image: it fills in what --mask has white, upscales it by --scale, or removes noise of
    level --sigma. Every sample is one of the possible results.

    Example: darkroom sample runs/score_sde_celeba/celeba_small -o faces --image face.png --mask mask.png --count 8

    With --interpolate, the samples are followed by images on the way from each to the next.

    Example: darkroom sample runs/score_sde/laptop -o between --count 5 --interpolate 8
    """

    run: Annotated[str, tyro.conf.Positional]
    """A run's folder, RECIPE/ROW for one below runs/, or a weights file."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """A new or empty folder for the samples."""
    count: Annotated[int, Range(1, 10**7)] = 64
    """Number of samples."""
    sampler: str = ""
    """Its name; by default the one that the row is evaluated with first. An unknown name lists them."""
    steps: Annotated[int, AT_LEAST_0] = 0
    """Steps of the sampler; by default its usual number."""
    seed: Annotated[int, AT_LEAST_0] = 0
    """Sample i depends on the seed and on i, not on the number of samples."""
    batch_size: Annotated[int, AT_LEAST_1] = 64
    """Samples that are computed together."""
    image: Path | None = None
    """An incomplete, small or noisy image that the samples agree with."""
    mask: Path | None = None
    """An image of the same size, white where --image is to be filled in."""
    scale: Annotated[int, Range(1, 64)] = 1
    """Upscale --image by this factor."""
    sigma: Annotated[float, AT_LEAST_0] = 0.0
    """Noise level of --image (0-255 scale)."""
    guidance: Literal["projection", "dps"] = "projection"
    """How samples are led to --image: by projections, or by the gradients of diffusion posterior sampling (half as fast)."""
    interpolate: Annotated[int, AT_LEAST_0] = 0
    """So many images from one sample to the next."""
    accelerator: Accelerator = "auto"
    """Device to compute on."""
    threads: Annotated[int | None, THREADS] = None
    """CPU threads; by default as many as are free."""
    recipe: str | None = None
    """The recipe's file, for weights of a recipe of your own."""


def command(arguments: list[str]) -> None:
    """Draw samples of a trained generator."""
    given = parse(Sample, arguments, "sample")
    weights_path(given.run)
    if given.image is None and (given.mask or given.scale > 1 or given.sigma):
        raise DarkroomError("--mask, --scale and --sigma say what is known of an image: give it by --image")
    threads = Threads(given.threads)
    threads.watch()
    from darkroom.engine.devices import device_name
    from darkroom.workflows.sample import interpolate, load_generator, write_samples

    method = load_generator(given.run, accelerator=given.accelerator, recipe=given.recipe)
    threads.begin()
    columns = None
    with Bars(transient=True) as bars:
        if given.interpolate:
            columns = given.interpolate
            samples = interpolate(
                method, given.count, given.interpolate, sampler=given.sampler, steps=given.steps, seed=given.seed
            )
        else:
            samples = _drawn(given, method, bars)
        for number, _ in enumerate(write_samples(samples, given.output, columns=columns)):
            bars.show("files", number, len(samples))
    print(f"{given.output}: {len(samples)} samples and grid.png, on {device_name(method.device)}")


def _drawn(given: Sample, method: "GenerativeMethod", bars: Bars) -> "Tensor":
    from darkroom.workflows.sample import read_known, sample

    known = None
    if given.image is not None:
        known = read_known(method, given.image, mask=given.mask, scale=given.scale, sigma=given.sigma, guidance=given.guidance)
    return sample(
        method,
        given.count,
        sampler=given.sampler,
        steps=given.steps,
        seed=given.seed,
        known=known,
        batch_size=given.batch_size,
        progress=lambda done, total: bars.show("samples", done, total),
    )
