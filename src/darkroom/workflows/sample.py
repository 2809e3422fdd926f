"""Draw samples of trained generators; and with score models, images that agree with a measurement."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Progress, no_progress
from darkroom.core.generative import GenerativeMethod, Samples
from darkroom.core.images import ImageFile, read_uint8, to_float, write
from darkroom.core.randomness import generator
from darkroom.engine.devices import choose_device
from darkroom.evaluations.grid import grid
from darkroom.methods.posterior import Guidance, between, posterior_samples
from darkroom.methods.score import ScoreMatching
from darkroom.operators.partial_isometry import BlockMeans, Masking
from darkroom.processes.noise import generators
from darkroom.recipes import trained
from darkroom.recipes.paths import weights_path
from darkroom.workflows.options import Accelerator


@dataclass(frozen=True)
class Known:
    """What is known of the image that samples are to agree with.

    Args:
        image: the measurement `(channel, height, width)` in [0, 1]: incomplete, small or noisy.
        missing: true where the image is to be filled in.
        scale: upscale by this factor; the image is taken for means over blocks of this side.
        sigma: noise level of the image, on the 0–255 scale.
        guidance: see `methods.posterior.Guidance`.
    """

    image: Float[Tensor, "channel height width"]
    missing: Bool[Tensor, "height width"] | None = None
    scale: int = 1
    sigma: float = 0.0
    guidance: Guidance = "projection"


def load_generator(weights: str | Path, *, accelerator: Accelerator = "auto", recipe: str | None = None) -> GenerativeMethod:
    """A trained generator of images, ready to draw samples.

    Args:
        weights: a run's folder, "recipe/row" for one below `runs/`, or a weights file.
        accelerator: device to compute on.
        recipe: the recipe's file, for weights of a recipe outside the package.

    Raises:
        DarkroomError: there are no weights, or they are not of a generator of images.
    """
    path = weights_path(str(weights))
    if trained.kind_of(path) == "":
        raise DarkroomError(f"{path} holds weights of another program, which draw no samples here")
    method = trained.run(path, recipe).method
    if not isinstance(method, GenerativeMethod):
        raise DarkroomError(
            f"{path} holds nothing that draws samples: train a generator, for example `darkroom train score_sde laptop`"
        )
    return method.to(choose_device(accelerator)).eval()


def sample(
    weights: str | Path | GenerativeMethod,
    count: int = 64,
    *,
    sampler: str = "",
    steps: int = 0,
    seed: int = 0,
    known: Known | None = None,
    batch_size: int = 64,
    accelerator: Accelerator = "auto",
    recipe: str | None = None,
    progress: Progress = no_progress,
) -> Samples:
    """Draw samples in [0, 1]. Sample i depends on the seed and on i, and not on how many others are drawn.

    Args:
        weights: see `load_generator`, or what it returned.
        count: number of samples.
        sampler: its name; see `GenerativeMethod.samplers`.
        steps: of the sampler; 0 for the usual number.
        seed: of the samples.
        known: what the samples have to agree with, for score models.
        batch_size: samples that are computed together.
        accelerator, recipe: see `load_generator`.
        progress: called with the samples done and their number.

    Raises:
        DarkroomError: the weights cannot be read, there is no such sampler, or it cannot take what is known.

    Example:
        >>> faces = sample("score_sde_celeba/laptop", 4, sampler="heun", steps=18)  # doctest: +SKIP
    """
    method = (
        weights if isinstance(weights, GenerativeMethod) else load_generator(weights, accelerator=accelerator, recipe=recipe)
    )
    random, found = generator(seed, "samples"), list[Tensor]()
    for done in range(0, count, batch_size):
        number = min(batch_size, count - done)

        def shown(step: int, total: int, done: int = done, number: int = number) -> None:
            progress(done + number * step // total, count)

        with torch.inference_mode():
            if known is None:
                batch = method.sample(number, random, sampler=sampler, steps=steps, progress=shown)
            else:
                batch = _given(method, known, number, generators(random, number), sampler, steps, shown)
        found.append(batch.cpu())
        progress(done + number, count)
    return torch.cat(found)


def interpolate(
    method: GenerativeMethod, ends: int, frames: int, *, sampler: str = "", steps: int = 0, seed: int = 0
) -> Samples:
    """Images on the way between consecutive samples, by the probability flow of a score model; the samples are among them.

    Args:
        method: a score model.
        ends: number of samples.
        frames: images from one sample to the next.
        sampler: a solver without noise; "" for "heun".
        steps: its steps; 0 for 18.
        seed: of the samples.

    Raises:
        DarkroomError: it is no score model, or the sampler draws noise.
    """
    if not isinstance(method, ScoreMatching):
        raise DarkroomError("these weights are of no score model, which alone has a probability flow to interpolate along")
    allowed = ("heun", "flow_heun", "ddim", "dpm_solver", "rk45")
    if sampler and sampler not in allowed:
        raise DarkroomError(f"--sampler {sampler}: between samples only solvers without noise lead: {', '.join(allowed)}")
    with torch.inference_mode():
        drawn = generators(generator(seed, "samples"), ends)
        return between(method, drawn, frames, sampler=sampler or "heun", steps=steps or 18).cpu()


def write_samples(samples: Samples, folder: Path, *, columns: int | None = None) -> Iterator[Path]:
    """Write `grid.png` and one PNG file for each sample to a new or empty folder; yields the files written.

    Args:
        samples: in [0, 1].
        folder: where they go.
        columns: of the grid, which then shows all samples; by default a square of at most 64.

    Raises:
        DarkroomError: the folder has files in it already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DarkroomError(f"{folder} is not an empty folder: choose another --output, so that samples of two runs do not mix")
    digits = max(4, len(str(len(samples) - 1)))
    files = {"grid": grid(list(samples), columns), **{f"{number:0{digits}d}": image for number, image in enumerate(samples)}}
    for name, image in files.items():
        path = folder / f"{name}.png"
        write(path, ImageFile(image.contiguous()))
        yield path


def read_known(
    method: GenerativeMethod,
    image: Path,
    *,
    mask: Path | None = None,
    scale: int = 1,
    sigma: float = 0.0,
    guidance: Guidance = "projection",
) -> Known:
    """What is known, from image files, with as many channels as the method's samples.

    Args:
        method: the generator.
        image: the incomplete, small or noisy image.
        mask: an image of the same size, white where the first is to be filled in.
        scale, sigma, guidance: see `Known`.

    Raises:
        DarkroomError: a file is missing or broken, the mask has another size, or nothing is asked of the image.
    """
    pixels = to_float(read_uint8(image, grey=method.shape[0] == 1))
    missing = None
    if mask is not None:
        missing = read_uint8(mask, grey=True)[0] > 127
        if missing.shape != pixels.shape[1:]:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (missing.shape, pixels.shape[1:])]
            raise DarkroomError(f"the mask {mask} has {sizes[0]} pixels and the image {image} {sizes[1]}: both must be equal")
        if scale > 1:
            raise DarkroomError("--mask and --scale cannot be combined: fill in first, then upscale")
    if missing is None and scale == 1 and not sigma:
        raise DarkroomError(f"{image}: what is to be done with it? Give --mask, --scale or --sigma")
    return Known(pixels, missing, scale, sigma, guidance)


def _given(
    method: GenerativeMethod,
    known: Known,
    count: int,
    random: list[torch.Generator],
    sampler: str,
    steps: int,
    progress: Progress,
) -> Samples:
    if not isinstance(method, ScoreMatching):
        raise DarkroomError("these weights are of no score model: they draw samples, but none that agree with an image")
    height, width = known.image.shape[1:]
    if known.scale > 1:
        operator: Masking | BlockMeans = BlockMeans(known.scale, known.scale * height, known.scale * width)
    else:
        missing = known.missing if known.missing is not None else torch.zeros(height, width, dtype=torch.bool)
        operator = Masking(~missing.to(method.device))
    y = known.image.to(method.device)
    return posterior_samples(
        method,
        operator,
        operator(y) if isinstance(operator, Masking) else y,
        count,
        random,
        sigma=known.sigma / 255,
        guidance=known.guidance,
        sampler=sampler,
        steps=steps,
        progress=progress,
    )
