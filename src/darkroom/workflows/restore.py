"""Restore images with trained weights: in memory, or files and folders."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

import darkroom
from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.data.kernels import read_kernel
from darkroom.engine.blind_deblur import BlindDeblurrer
from darkroom.engine.deblur import Deblurrer
from darkroom.engine.folder import weights_file
from darkroom.engine.int8 import for_precision
from darkroom.engine.manifest import Manifest, digest
from darkroom.engine.photograph_restorer import PhotographRestorer
from darkroom.engine.restore_files import ImageRestorer, RestoredFile, plan_beside, plan_files
from darkroom.engine.restore_files import restore_files as restore_planned
from darkroom.engine.restorer import Restorer
from darkroom.networks.blended import Blended
from darkroom.networks.kernel_net import KernelNet
from darkroom.operators.resample import upscale
from darkroom.recipes import shipped, trained
from darkroom.recipes.ranges import AT_LEAST_0, AT_LEAST_1, MEMORY, SHARE, check
from darkroom.recipes.setting_types import check_types
from darkroom.recipes.shipped import AUTO
from darkroom.solvers import plug_and_play, richardson_lucy
from darkroom.solvers.blind import Restoration
from darkroom.solvers.deblur import Solver
from darkroom.workflows import memory_images
from darkroom.workflows.options import Accelerator, Precision
from darkroom.workflows.own_device import own_device
from darkroom.workflows.processes import Place, place

Image = TypeVar("Image")

NOT_IN_THE_RESULT = frozenset({"weights", "memory", "accelerator", "recipe"})
"""Parameters of `make_restorer` that change the result in its last bits at most, or are identified by the weights."""

Weights = str | Path | RestorationNetwork | KernelNet
"""A network of the package by its name ("denoise", "jpeg", "deblur", "enlarge_2" and so on, or "auto" for the one that fits), a run's folder,
"recipe/row" for one below `runs/`, a weights file, another program's checkpoint, or a network."""


def load(weights: str | Path, *, recipe: str | None = None) -> nn.Module:
    """The network that weights are of, in evaluation mode; for a scene, its method.

    A restoration network takes images `(batch, channel, height, width)` in [0, 1]; `restore` runs it over images of any kind
    and size.

    Args:
        weights: a network of the package by its name, a run's folder, "recipe/row" for one below `runs/`, a weights file, or another
            program's checkpoint.
        recipe: the recipe's file, for weights of a recipe outside the package.

    Raises:
        DarkroomError: there are no weights, or they cannot be read.

    Example:
        >>> import torch
        >>> load("denoise")(torch.rand(1, 3, 64, 64)).shape
        torch.Size([1, 3, 64, 64])
    """
    return trained.load(trained.weights_path(str(weights)), recipe)


def make_restorer(
    weights: Weights,
    *,
    sigma: float | None = None,
    kernel: str | None = None,
    solver: Solver = "hqs",
    solver_steps: int | None = None,
    strength: float = 1.0,
    memory: int = 512,
    precision: Precision = "auto",
    accelerator: Accelerator = "auto",
    recipe: str | None = None,
) -> ImageRestorer:
    """A network made ready for images of any size: tiled, and in bfloat16 where that is safe.

    Args:
        weights: see `Weights`.
        sigma: noise level on the 0–255 scale, for noise-conditional networks and for `kernel`; by default it is estimated.
        kernel: deblur with this kernel, the network serving as the prior: an image, .npy, .txt, or .npz file ("file:name" where it
            holds several).
        solver: of deblurring.
        solver_steps: of deblurring; by default 8, and 30 of Richardson–Lucy with the kernels that a kernel network estimates.
        strength: share of the network's correction that is applied, from 0 to 1.
        memory: MiB that activations may take; larger images are restored in tiles.
        precision: "int8" is computed by ONNX Runtime on a CPU; the first time a network is prepared for it, which takes seconds. "auto"
            takes int8 where it was prepared before, else bfloat16 where that is fast, both only after a check on these weights.
        accelerator: device to compute on.
        recipe: the recipe's file, for weights of a recipe outside the package.

    Raises:
        DarkroomError: the weights or the kernel cannot be read, or a number is outside its range.
    """
    words = {"kernel": kernel, "solver": solver, "precision": precision, "accelerator": accelerator, "recipe": recipe}
    numbers = {"sigma": sigma, "solver_steps": solver_steps, "strength": strength, "memory": memory}
    check_types(make_restorer, {**words, **numbers})
    check(numbers, {"sigma": AT_LEAST_0, "solver_steps": AT_LEAST_1, "strength": SHARE, "memory": MEMORY})
    if weights == AUTO and kernel is None:
        options = {"strength": strength, "memory": memory, "precision": precision, "accelerator": accelerator}
        return PhotographRestorer(*(make_restorer(name, **options) for name in shipped.CHOSEN))  # type: ignore[arg-type]
    network = weights if isinstance(weights, RestorationNetwork | KernelNet) else _network(weights, recipe)
    device = own_device(accelerator)
    if isinstance(network, KernelNet):
        if kernel is not None:
            raise DarkroomError(
                "these weights estimate the kernels themselves: leave out the kernel, or give weights of a denoiser"
            )
        how = Restoration(solver_steps or richardson_lucy.STEPS, network.gamma)
        return BlindDeblurrer(network, device=device, memory=memory << 20, restoration=how)
    network = for_precision(network, precision, device)
    network = network if strength == 1 else Blended(network, strength)
    restorer = Restorer(network, device=device, memory=memory << 20, precision=precision, sigma=sigma)
    if kernel is None:
        return restorer
    return Deblurrer(restorer, read_kernel(kernel), sigma, solver=solver, steps=solver_steps or plug_and_play.STEPS)


def restore(images: Image, weights: Weights | ImageRestorer = AUTO, **options: Any) -> Image:
    """Restore images in memory: denoise, upscale or deblur them.

    Args:
        images: an image, or a list of images, each of them
            the path of a file (the result is a PIL image),
            a PIL image,
            an array `(height, width[, channel])` or a tensor `([batch, ]channel, height, width)`, uint8 or float in [0, 1].
        weights: see `Weights`; by default the network of the package that fits each image. Or what `make_restorer` returned, which
            saves time if it is used again.
        options: of `make_restorer`, for example `strength`, `sigma` or `kernel`.

    Returns:
        An image of the same kind, or a list of them. Transparency is kept.

    Raises:
        DarkroomError: the weights cannot be read, or something is not an image.

    Example:
        >>> import torch
        >>> from darkroom.networks.dncnn import DnCNN
        >>> noisy = torch.rand(3, 40, 50)
        >>> restore(noisy, DnCNN(3, width=4, depth=3).eval(), accelerator="cpu").shape
        torch.Size([3, 40, 50])

        >>> restore("holiday.jpg").save("clean.png")  # doctest: +SKIP
        >>> restore("holiday.jpg", "denoise", strength=0.6).save("softer.png")  # doctest: +SKIP
    """
    restorer = weights if isinstance(weights, ImageRestorer) else make_restorer(weights, **options)
    if isinstance(images, list | tuple):
        return [_restore_one(image, restorer) for image in images]  # type: ignore[return-value]
    return _restore_one(images, restorer)


def restore_files(
    source: str | Path | Sequence[str | Path],
    output: str | Path | None,
    weights: Weights | ImageRestorer,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    finished: Callable[[RestoredFile, int], None] = lambda file, total: None,
    made_by: str = "",
    **options: Any,
) -> list[RestoredFile]:
    """Restore an image file, or every image of a folder; bit depth, transparency, metadata and folders are kept.

    An image that cannot be restored does not stop the others. An output folder has a manifest, `restored.jsonl`: a file that is in it,
    restored by the same weights and options from the same content, is not restored again. Processes of torchrun or Slurm share the files.

    Args:
        source: a file or a folder, or several.
        output: a file or a folder; a folder for several sources; None for `photo_restored.jpg` beside `photo.jpg`.
        weights: see `restore`.
        progress: called with the tiles (or steps of a solver) that are done of an image, and their number.
        finished: called with every file of this process, and their number.
        made_by: of the manifest where `weights` are a restorer or a network; see `identity`. Without it there is none.
        options: of `make_restorer`.

    Returns:
        What became of each file of this process; `error` says why one was not restored.

    Raises:
        DarkroomError: there is nothing at `source`, the output would overwrite it, or the weights cannot be read.

    Example:
        >>> files = restore_files("photos", "clean", "dncnn/laptop_photo")  # doctest: +SKIP
        >>> [file.source.name for file in files if file.error]  # doctest: +SKIP
        ['broken.jpg']
    """
    sources = [Path(source)] if isinstance(source, str | Path) else [Path(each) for each in source]
    made_by = made_by or (identity(weights, **options) if isinstance(weights, str | Path) else "")
    here = place()
    pairs, folder = _planned(sources, None if output is None else Path(output), made_by, here)
    manifest = Manifest(folder, made_by, here.number, here.processes) if folder is not None and made_by else None
    share = pairs[here.number :: here.processes]
    pending = manifest.pending(share) if manifest else share
    left = set(pending)
    files = [RestoredFile(*pair, before=True) for pair in share if pair not in left]
    for file in files:
        finished(file, len(share))
    if pending:
        restorer = weights if isinstance(weights, ImageRestorer) else make_restorer(weights, **options)
        for file in restore_planned(restorer, pending, progress):
            if manifest:
                manifest.add(file)
            files.append(file)
            finished(file, len(share))
    if manifest:
        manifest.join(pairs)
    return files


def identity(weights: str | Path, **options: Any) -> str:
    """What a manifest identifies a restoration by: a digest of the weights, of the options that change the result, and of the version.

    Args:
        weights: as for `restore`.
        options: of `make_restorer`.
    """
    parameters = inspect.signature(make_restorer).parameters
    usual = {name: parameter.default for name, parameter in parameters.items() if name not in NOT_IN_THE_RESULT}
    kernel = options.get("kernel")
    if weights == AUTO:
        files = [shipped.NETWORKS[name].weights for name in shipped.CHOSEN]
    else:
        path = trained.weights_path(str(weights))
        files = [weights_file(path)]
    changed = {name: value for name, value in options.items() if name in usual}
    return digest(
        files, {**usual, **changed, "kernel": kernel and read_kernel(kernel).tolist(), "version": darkroom.__version__}
    )


def _planned(
    sources: list[Path], output: Path | None, made_by: str, here: Place
) -> tuple[list[tuple[Path, Path]], Path | None]:
    """Inputs with outputs, and the folder that has a manifest."""
    if output is not None:
        pairs = plan_files(sources, output)
        return pairs, None if output in {target for _, target in pairs} else output
    if here.processes > 1:
        raise DarkroomError("several processes need an output to agree on: give one, for example -o restored/")
    resumed: list[Path] = []

    def is_resumed(folder: Path) -> bool:
        entries = Manifest(folder, made_by).entries().values() if folder.is_dir() else ()
        if found := any(entry.made_by == made_by for entry in entries):
            resumed.append(folder)
        return found

    pairs = plan_beside(sources, resumed=is_resumed)
    if len(sources) > 1 or not sources[0].is_dir() or not pairs:
        return pairs, None
    source, target = pairs[0]
    return pairs, resumed[-1] if resumed else target.parents[len(source.relative_to(sources[0]).parts) - 1]


def _network(weights: str | Path, recipe: str | None) -> RestorationNetwork | KernelNet:
    if not isinstance(weights, str | Path):
        raise DarkroomError(f"weights are a path, recipe/row, or a RestorationNetwork, not {type(weights).__name__}")
    return trained.restoring(trained.weights_path(str(weights)), recipe)


def _restore_one(image: Any, restorer: ImageRestorer) -> Any:
    def upscale_alpha(plane: Tensor) -> Tensor:
        return plane if restorer.scale == 1 else upscale(plane[None], restorer.scale)[0].clamp(0, 1)

    return memory_images.apply(image, restorer, upscale_alpha)
